"""Two ranks that hold different parts of a model, or update different parts of it, and what is told of them."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

import nntui
from nntui import names
from nntui.session.load import Loaded
from nntui.session.snapshot import View

RANKS = """
import contextlib, os, sys, torch, torch.distributed as dist, nntui
from torch import nn

rank, how = int(os.environ["RANK"]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{sys.argv[3]}", rank=rank, world_size=2)

class Net(nn.Sequential):
    pass

def train(watched):
    torch.manual_seed(0)
    model = Net(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 1))
    if how == "fully_shard":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cpu", (2,))
        fully_shard(model[0], mesh=mesh)
        model = fully_shard(model, mesh=mesh)
    elif how == "FullyShardedDataParallel":
        from torch.distributed.fsdp import FullyShardedDataParallel
        from torch.distributed.fsdp.wrap import ModuleWrapPolicy

        each = ModuleWrapPolicy({nn.Linear})
        options = {"device_id": torch.device("cpu"), "use_orig_params": True}
        model = FullyShardedDataParallel(model, auto_wrap_policy=each, **options)
    if how == "ZeroRedundancyOptimizer":
        from torch.distributed.optim import ZeroRedundancyOptimizer

        model = nn.parallel.DistributedDataParallel(model, static_graph=True)
        optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=1e-2)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    generator, losses = torch.Generator().manual_seed(rank), []
    with nntui.watch(model, optimizer, run) if watched else contextlib.nullcontext():
        for step in range(12):
            optimizer.zero_grad()
            x = torch.randn(8, 6, generator=generator)
            loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            if watched:
                run.log({"train/loss": loss.item()}, step)
    return losses

with nntui.init(sys.argv[1]) as run:
    assert train(False) == train(True)
dist.destroy_process_group()
"""


@pytest.mark.parametrize("how", ["fully_shard", "FullyShardedDataParallel", "ZeroRedundancyOptimizer"])
def test_ranks_that_differ_by_design_are_not_told_apart_and_what_is_not_seen_is_told(
    tmp_path: Path, preloaded, environment, how: str
) -> None:
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(RANKS))
    words = (str(script), tmp_path / "run", how, tmp_path / "meeting")
    job = environment | {"WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "job", "OMP_NUM_THREADS": "1"}
    started = [preloaded.start(*words, env=job | {"RANK": str(rank)}) for rank in (0, 1)]
    for rank in started:
        with rank:
            errors = rank.communicate(timeout=120)[1]
        assert rank.returncode == 0, errors[-2000:]
    assert Loaded(tmp_path / "run").snapshot(View()).alerts == ()
    table = nntui.read(tmp_path / "run")
    metrics = {row["metric"] for row in table.metrics.to_pylist()}
    sharded = how != "ZeroRedundancyOptimizer"
    assert (names.PARAMETER_HASH in metrics) == (not sharded)
    assert names.BATCH_HASH in metrics
    layers = {layer for layer, _ in map(names.layer_of, metrics) if layer}
    assert {"0", "1", "2", "3"} >= layers >= {"0", "3"}
    assert {names.layer("3", one) for one in (names.GRAD_NORM, names.UPDATE_RATIO)} <= metrics
    told = [json.loads(row["data"]) for row in table.events.to_pylist() if row["event"] == names.WATCH_EVENT]
    assert [sum("Parameters are sharded" in words for words in one["blind"]) for one in told] == [sharded] * 2
    assert {kind for one in told for kind in one["kinds"]} <= {"Linear", "LayerNorm"}
