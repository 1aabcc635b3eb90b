"""Probes on models and loops of all kinds: they see what there is, say what they cannot see, and change nothing."""

from __future__ import annotations

import contextlib
import copy
import textwrap

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import nntui
from nntui import names
from nntui.probes.several import Several
from nntui.session.load import Loaded
from nntui.session.snapshot import View


class Shared(nn.Module):
    """An embedding whose weight is that of the last layer, and a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.body, self.head = nn.Linear(6, 16, bias=False), nn.Linear(16, 16), nn.Linear(16, 6, bias=False)
        self.head.weight = nn.Parameter(self.embed.weight.detach().T.clone())
        self.again = self.body

    def forward(self, x):
        return self.head(self.again(self.body(self.embed(x)).relu()).relu())


def test_a_layer_that_is_called_twice_is_one_layer(recorded, loop) -> None:
    model = Shared()
    training = loop(model)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(2)

    found, events = recorded(run_it)
    assert {names.layer_of(m)[0] for m in found if m.startswith(names.LAYER)} == {"embed", "body", "head"}
    (told,) = [event for event in events if event["event"] == names.WATCH_EVENT]
    assert '"layers": ["embed", "body", "head"]' in told["data"]
    assert "functions such as F.relu are none" in told["data"]


def test_two_optimizers_are_one_step(recorded, loop, mlp) -> None:
    generator, judge = nn.Linear(6, 6), mlp()
    both = nn.ModuleList([generator, judge])
    first, second = torch.optim.Adam(generator.parameters(), 1e-3), torch.optim.SGD(judge.parameters(), 1e-3)

    def run_it(run) -> None:
        with nntui.watch(both, [first, second], run, every=1):
            for _ in range(4):
                for optimizer in (second, first):
                    optimizer.zero_grad()
                    judge(generator(torch.randn(8, 6))).square().sum().backward()
                    optimizer.step()

    found, _ = recorded(run_it)
    assert [*found["layer/0/update_ratio"]] == [*found["layer/1.0/update_ratio"]] == [0, 1, 2, 3]
    assert names.LATE_CLIPPING not in found


@pytest.mark.parametrize("cleared", [True, False])
def test_gradients_are_stale_for_the_optimizer_that_does_not_clear_them(recorded, mlp, cleared: bool) -> None:
    """The loss of a generator reaches the judge too, whose gradients are cleared before its own loss."""
    generator, judge = nn.Linear(6, 6), mlp()
    making, judging = torch.optim.SGD(generator.parameters(), 1e-3), torch.optim.SGD(judge.parameters(), 1e-3)

    def run_it(run) -> None:
        with nntui.watch(nn.ModuleList([generator, judge]), None, run, every=1):
            for _ in range(4):
                if cleared:
                    judging.zero_grad()
                judge(generator(torch.randn(8, 6)).detach()).square().mean().backward()
                judging.step()
                making.zero_grad()
                judge(generator(torch.randn(8, 6))).square().mean().backward()
                making.step()

    found, _ = recorded(run_it)
    stale = [*found[names.STALE_GRADIENT].values()]
    assert len(stale) == 4
    assert [value > 0 for value in stale[1:]] == [not cleared] * 3


class Around(torch.optim.Optimizer):
    """An optimizer whose update is that of another one."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.inner = inner
        super().__init__(inner.param_groups, {})

    def step(self, closure=None):  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.inner.step(closure)


@pytest.mark.parametrize("given", ["both", "the inner one", "none"])
def test_an_optimizer_within_another_is_a_part_of_it(recorded, loop, mlp, given: str) -> None:
    model = mlp()
    around = Around(torch.optim.Adam(model.parameters(), 1e-3))
    known = {"both": around, "the inner one": around.inner, "none": None}[given]

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, known, run) as watched:
            loop(model, around).steps(300)
            assert watched._update + watched._attached.passed == 300

    found, _ = recorded(run_it)
    assert names.WITHOUT_STATE not in found
    assert found[names.layer("0", names.UPDATE_RATIO)][0] > 0
    assert len(found[names.PROBE_LR]) < 300


def test_an_update_that_broke_off_makes_no_part_of_another_optimizer(recorded, mlp) -> None:
    model = mlp()
    one, other = torch.optim.SGD(model[:2].parameters(), 0.1), torch.optim.SGD(model[2:].parameters(), 0.1)

    def broken() -> float:
        raise ZeroDivisionError

    def run_it(run: nntui.Run) -> None:
        with nntui.watch(model, [one, other], run, every=1):
            for step in range(6):
                model(torch.randn(8, 6)).square().mean().backward()
                if step == 2:
                    with contextlib.suppress(ZeroDivisionError):
                        one.step(broken)
                else:
                    one.step()
                other.step()

    found, _ = recorded(run_it)
    assert [*found[names.layer("4", names.UPDATE_RATIO)]] == [1, 2, 3, 4]


def test_a_second_phase_with_more_parameters_goes_on_counting(recorded, loop, mlp) -> None:
    model = mlp()
    training = loop(model, torch.optim.Adam(model[4].parameters(), 1e-3))

    def run_it(run) -> None:
        with nntui.watch(model, None, run, every=1):
            training.steps(3)
            training.optimizer = torch.optim.Adam(model.parameters(), 1e-3)
            training.steps(3)

    found, _ = recorded(run_it)
    assert [*found["layer/4/update_ratio"]] == [0, 1, 2, 3, 4, 5]
    assert [*found["layer/0/update_ratio"]] == [3, 4, 5]
    assert [*found[names.WITHOUT_STATE].values()] == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_several_models_are_watched_as_one(recorded, mlp) -> None:
    making, judge = nn.Linear(6, 6), mlp()
    optimizer = torch.optim.SGD([*making.parameters(), *judge.parameters()], 1e-3)

    def run_it(run) -> None:
        with nntui.watch(Several({"making": making, "judge": judge}), optimizer, run, every=1):
            for _ in range(3):
                optimizer.zero_grad()
                judge(making(torch.randn(8, 6))).square().mean().backward()
                optimizer.step()

    found, events = recorded(run_it)
    assert [*found["layer/making/grad_norm"]] == [*found["layer/judge.0/activation_std"]] == [0, 1, 2]
    (told,) = [event for event in events if event["event"] == names.WATCH_EVENT]
    assert told["message"] == "4 layers of Linear and Sequential are watched"
    assert '"layers": ["making", "judge.0", "judge.2", "judge.4"]' in told["data"]


def test_an_evaluation_is_bit_by_bit_what_it_would_be(recorded) -> None:
    """A layer of an encoder takes another path in eval mode once there is a hook anywhere in it."""

    def losses(run: nntui.Run | None) -> list[float]:
        torch.manual_seed(0)
        block = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True, norm_first=True, dropout=0.1)
        padding = torch.arange(5).expand(8, 5) > 2
        frozen = nn.TransformerEncoder(copy.deepcopy(block), 1, enable_nested_tensor=False).requires_grad_(False).eval()
        model = nn.ModuleDict({"frozen": frozen, "body": block, "head": nn.Linear(64, 2)})

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.parts = model

            def forward(self, x):
                with torch.no_grad():
                    x = self.parts["frozen"](x, src_key_padding_mask=padding)
                return self.parts["head"](self.parts["body"](x, src_key_padding_mask=padding))

        net = Net()
        optimizer = torch.optim.SGD(net.parameters(), 1e-2)
        probes = nntui.watch(net, optimizer, run, every=1)
        found = []
        for _ in range(4):
            net.train()
            net.parts["frozen"].eval()
            loss = net(torch.randn(8, 5, 64)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            net.eval()
            with torch.no_grad():
                found += [float(loss), float(net(torch.randn(8, 5, 64)).double().sum())]
        probes.detach()
        return found

    seen: list[float] = []
    found, _ = recorded(lambda run: seen.extend(losses(run)))
    assert seen == losses(None)
    assert "layer/parts.body.linear1/activation_std" in found
    assert "layer/parts.frozen.layers.0.linear1/activation_std" not in found


def test_accumulated_batches_are_one_update_and_not_stale(recorded, mlp) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, every=1):
            for batch in range(12):
                model(torch.randn(8, 6)).square().mean().backward()
                if batch % 4 == 3:
                    optimizer.step()
                    optimizer.zero_grad()

    found, _ = recorded(run_it)
    assert found[names.STALE_GRADIENT] == {0: 0.0, 1: 0.0, 2: 0.0}


def test_an_optimizer_that_evaluates_by_itself_is_watched(recorded, mlp) -> None:
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    x = torch.randn(32, 6)

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    def run_it(run) -> None:
        with nntui.watch(model, None, run, every=1):
            for _ in range(3):
                optimizer.step(closure)

    found, _ = recorded(run_it)
    assert [*found["layer/0/update_ratio"]] == [0, 1, 2]
    assert all(value > 0 for value in found["layer/0/update_ratio"].values())


@pytest.mark.parametrize("kind", ["bfloat16", "checkpointing", "lazy", "transformer", "tuple outputs", "mapping"])
def test_the_layers_of_many_kinds_of_models_are_seen(recorded, kind: str) -> None:
    class Kind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.LazyLinear(16) if kind == "lazy" else nn.Linear(6, 16)
            self.block = (
                nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
                if kind == "transformer"
                else nn.GRU(16, 16, batch_first=True)
                if kind == "tuple outputs"
                else nn.Sequential(nn.Linear(16, 16), nn.ReLU())
            )
            self.head = nn.Linear(16, 2)

        def forward(self, x):
            x = self.first(x)
            if kind == "checkpointing":
                x = checkpoint(self.block, x, use_reentrant=False)
            elif kind == "tuple outputs":
                x = self.block(x.unsqueeze(1))[0][:, 0]
            else:
                x = self.block(x.unsqueeze(1))[:, 0] if kind == "transformer" else self.block(x)
            return {"logits": self.head(x)} if kind == "mapping" else self.head(x)

    model = Kind()
    if kind == "lazy":
        model(torch.randn(2, 6))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, every=1):
            for _ in range(3):
                optimizer.zero_grad()
                with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bfloat16"):
                    out = model(torch.randn(32, 6))
                out = out["logits"] if kind == "mapping" else out
                out.float().square().mean().backward()
                optimizer.step()

    found, events = recorded(run_it)
    assert not [event for event in events if "stopped" in event["message"]]
    for layer in ("first", "head"):
        for statistic in (names.GRAD_NORM, names.UPDATE_RATIO, names.ACTIVATION_STD):
            assert len(found[names.layer(layer, statistic)]) == 3, (layer, statistic)


def test_a_compiled_model_is_said_to_be_seen_from_outside(recorded, mlp) -> None:
    inner = mlp()
    model = torch.compile(inner, backend="eager")
    optimizer = torch.optim.SGD(inner.parameters(), 1e-2)

    def run_it(run) -> None:
        with nntui.watch(model, optimizer, run, every=1):
            for _ in range(3):
                optimizer.zero_grad()
                model(torch.randn(32, 6)).square().mean().backward()
                optimizer.step()

    found, events = recorded(run_it)
    (told,) = [event for event in events if event["event"] == names.WATCH_EVENT]
    assert "The model is compiled" in told["data"]
    assert [*found["layer/0/grad_norm"]] == [0, 1, 2]
    assert not [m for m in found if "activation" in m]


def test_a_model_that_is_compiled_after_it_is_watched_still_compiles_whole(recorded, mlp) -> None:
    inner = mlp()
    optimizer = torch.optim.SGD(inner.parameters(), 1e-2)

    def run_it(run) -> None:
        with nntui.watch(inner, optimizer, run):
            model = torch.compile(inner, backend="eager", fullgraph=True)
            for _ in range(6):
                optimizer.zero_grad()
                model(torch.randn(32, 6)).square().mean().backward()
                optimizer.step()

    found, _ = recorded(run_it)
    assert "layer/0/grad_norm" in found


RANK_ALERTS = {"live.rank_drift", "live.rank_data", "live.straggler"}


def test_a_model_whose_forward_calls_are_not_noticed_is_not_looked_at_every_update(recorded, mlp) -> None:
    inner = mlp()
    optimizer = torch.optim.SGD(inner.parameters(), 1e-2)

    def run_it(run) -> None:
        with nntui.watch(inner, optimizer, run):
            for _ in range(40):
                optimizer.zero_grad()
                inner.forward(torch.randn(32, 6)).square().mean().backward()
                optimizer.step()

    found, _ = recorded(run_it)
    assert 2 <= len(found["layer/0/grad_norm"]) <= 20
    assert names.STEP_SECONDS in found
    assert names.DATA_WAIT not in found


RANKS = """
import os, sys, time, torch, torch.distributed as dist, nntui
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP

rank = int(os.environ["RANK"])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[4]}", rank=rank, world_size=2)
wrapped, same = sys.argv[2] == "ddp", sys.argv[3] == "same"
slow = rank == 1 and sys.argv[3] == "slow"
torch.manual_seed(0)
inner = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
model = DDP(inner) if wrapped else inner
optimizer = torch.optim.SGD(model.parameters(), 1e-2)
generator = torch.Generator().manual_seed(0 if same else rank)
with nntui.init(sys.argv[1]) as run, nntui.watch(model, optimizer, run):
    for step in range(40 if sys.argv[3] == "slow" else 12):
        optimizer.zero_grad()
        time.sleep(0.03 * slow)  # stands for the work of its loader
        model(torch.randn(8, 6, generator=generator)).square().mean().backward()
        optimizer.step()
dist.destroy_process_group()
"""


@pytest.mark.parametrize(("wrapped", "data"), [("ddp", "other"), ("alone", "other"), ("ddp", "same"), ("ddp", "slow")])
def test_ranks_are_told_apart_and_what_is_wrong_with_them_is_told(
    tmp_path, preloaded, environment, wrapped: str, data: str
) -> None:
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(RANKS))
    words = (tmp_path / "run", wrapped, data, tmp_path / "meeting")
    job = environment | {"WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "job"}
    started = [preloaded.start(str(script), *words, env=job | {"RANK": str(rank)}) for rank in (0, 1)]
    for rank in started:
        with rank:
            errors = rank.communicate(timeout=120)[1]
        assert rank.returncode == 0, errors[-2000:]
    rows = nntui.read(tmp_path / "run").metrics.to_pylist()
    by_rank: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        by_rank.setdefault(row["metric"], {}).setdefault(row["step"], []).append(row["value"])
    for step in (0, 1, 10):
        first, second = by_rank[names.PARAMETER_HASH][step]
        assert (first == second) == (wrapped == "ddp" or data == "same"), step
        first, second = by_rank[names.BATCH_HASH][step]
        assert (first == second) == (data == "same"), step
    assert "layer/0/grad_norm" in by_rank
    alerts = {one.id for one in Loaded(tmp_path / "run").snapshot(View()).alerts if one.id in RANK_ALERTS}
    wrong = {
        ("alone", "other"): {"live.rank_drift"},
        ("ddp", "same"): {"live.rank_data"},
        ("ddp", "slow"): {"live.straggler"},
    }
    assert alerts == wrong.get((wrapped, data), set())
