"""What lies near to what: programs that learn it, and some that learn something else."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_healthy import digits_in_two


def shifted(x: Tensor) -> Tensor:
    """Each picture moved by up to a pixel, and noisy."""
    rows = torch.roll(x.view(-1, 8, 8), tuple(torch.randint(-1, 2, (2,)).tolist()), (1, 2))
    return (rows + 0.15 * torch.randn_like(rows)).flatten(1)


def encoder(out: int = 32) -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, out))


@torch.no_grad()
def neighbours(net: nn.Module, x: Tensor, y: Tensor, vx: Tensor, vy: Tensor) -> float:
    """How often the nearest example of training has the right label."""
    a, b = F.normalize(net(vx), dim=1), F.normalize(net(x), dim=1)
    return (y[(a @ b.T).argmax(1)] == vy).float().mean().item()


@program()
def queue_of_keys_from_a_slow_encoder(path: Path, seed: int) -> None:
    """The loss begins low, while the queue is short, and rises as it fills."""
    x, y, vx, vy = digits_in_two(seed)
    query = encoder()
    key = copy.deepcopy(query)
    for p in key.parameters():
        p.requires_grad = False
    opt = torch.optim.AdamW(query.parameters(), lr=1e-3)
    queue = torch.empty(0, 32)
    with nntui.init(path, total_steps=800, config={"queue": 1024, "m": 0.99}) as run:
        nntui.watch(query, opt, run, declared=("contrastive",))
        for step in range(800):
            batch = x[torch.randint(1400, (64,))]
            q = F.normalize(query(shifted(batch)), dim=1)
            with torch.no_grad():
                for slow, fast in zip(key.parameters(), query.parameters(), strict=True):
                    slow.lerp_(fast, 0.01)
                k = F.normalize(key(shifted(batch)), dim=1)
            logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.2
            loss = F.cross_entropy(logits, torch.zeros(64, dtype=torch.long))
            opt.zero_grad()
            loss.backward()
            opt.step()
            queue = torch.cat([queue, k])[-1024:]
            run.log({"pretext/loss": loss.item(), "pretext/queue": len(queue)}, step=step)
            if step % 160 == 159:
                run.log({"knn/top1": neighbours(query, x, y, vx, vy)}, step=step)


@program()
def fifty_labels_and_whatever_it_is_sure_of(path: Path, seed: int) -> None:
    """The unlabelled loss is nothing at first, for nothing is sure; then it rises, and falls."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    with nntui.init(path, total_steps=900) as run:
        nntui.watch(net, opt, run)
        for step in range(900):
            own, free = torch.randint(50, (16,)), x[torch.randint(1400, (96,))]
            labelled = F.cross_entropy(net(x[own] + 0.05 * torch.randn(16, 64)), y[own])
            with torch.no_grad():
                sure, guess = net(free).softmax(1).max(1)
            mask = (sure > 0.95).float()
            other = (F.cross_entropy(net(shifted(free)), guess, reduction="none") * mask).mean()
            opt.zero_grad()
            (labelled + other).backward()
            opt.step()
            told = {"loss_x": labelled.item(), "loss_u": other.item(), "mask": mask.mean().item()}
            run.log(told, step=step)
            if step % 90 == 89:
                with torch.no_grad():
                    out = net(vx)
                run.log({"test/acc": (out.argmax(1) == vy).float().mean(), "test/loss": F.cross_entropy(out, vy)}, step)


@program()
def facts_of_a_small_world_by_translation(path: Path, seed: int) -> None:
    """A margin loss that is zero for most triples in the end; the tables are put back on the sphere each time."""
    g = torch.Generator().manual_seed(seed)
    where = torch.randn(120, 2, generator=g)
    moves = torch.tensor([[1.0, 0], [0, 1.0], [-1.0, 1.0], [0.5, -1.0]])
    tails = torch.cdist((where[:, None] + moves).flatten(0, 1), where).topk(3, largest=False).indices
    heads = torch.arange(120).repeat_interleave(4)[:, None].expand_as(tails).flatten()
    kinds = torch.arange(4).repeat(120)[:, None].expand_as(tails).flatten()
    facts = torch.stack([heads, kinds, tails.flatten()], 1)[torch.randperm(1440, generator=g)]
    kept, held = facts[:1300], facts[1300:]
    things, relations = nn.Embedding(120, 16), nn.Embedding(4, 16)
    opt = torch.optim.Adagrad([*things.parameters(), *relations.parameters()], lr=0.1)

    def far(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        return (F.normalize(things(h), dim=-1) + relations(r) - F.normalize(things(t), dim=-1)).norm(dim=-1)

    with nntui.init(path) as run:
        nntui.watch(nn.ModuleList([things, relations]), opt, run)
        for epoch in range(80):
            total = 0.0
            for h, r, t in (part.T for part in kept[torch.randperm(1300)].split(100)):
                loss = F.relu(0.5 + far(h, r, t) - far(h, r, torch.randint(120, (len(h),)))).mean()
                opt.zero_grad()
                loss.backward()
                opt.step()
                total += loss.item() / 13
            with torch.no_grad():
                every = far(held[:, :1], held[:, 1:2], torch.arange(120)[None].expand(len(held), 120))
                rank = (every < every.gather(1, held[:, 2:])).sum(1) + 1
            told = {"train_margin_loss": total, "MRR": (1 / rank).mean().item(), "hits@10": (rank <= 10).float().mean()}
            run.log(told, step=epoch + 1)


@program("live.underfitting")
def multiplied_by_the_temperature(path: Path, seed: int) -> None:
    """Similarities within 0.07 of each other: each candidate is as likely as any other, whatever is learned."""
    x, y, vx, vy = digits_in_two(seed)
    net = encoder()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=600, config={"temperature": 0.07}) as run:
        nntui.watch(net, opt, run, declared=("contrastive",))
        for step in range(600):
            batch = x[torch.randint(1400, (64,))]
            a, b = F.normalize(net(shifted(batch)), dim=1), F.normalize(net(shifted(batch)), dim=1)
            loss = F.cross_entropy(a @ b.T * 0.07, torch.arange(64))
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/nt_xent": loss.item()}, step=step)
            if step % 60 == 59:
                with torch.no_grad():
                    a, b = F.normalize(net(shifted(vx[:64])), dim=1), F.normalize(net(shifted(vx[:64])), dim=1)
                held = F.cross_entropy(a @ b.T * 0.07, torch.arange(64)).item()
                run.log({"val/nt_xent": held, "val/knn": neighbours(net, x, y, vx, vy)}, step=step)


@program("regularise.early_stop", "live.other_data", "live.contradiction")
def it_believes_whatever_it_said_before(path: Path, seed: int) -> None:
    """Pseudo-labels without a threshold, taken anew each round from a net that learned the last ones by heart."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
    labels = y.clone()
    labels[30:] = -1
    step = 0
    with nntui.init(path, total_steps=900) as run:
        opt = torch.optim.Adam(net.parameters(), lr=2e-3)
        nntui.watch(net, opt, run)
        for stage in range(9):
            known = (labels >= 0).nonzero()[:, 0]
            for _ in range(100):
                idx = known[torch.randint(len(known), (32,))]
                out = net(x[idx])
                loss = F.cross_entropy(out, labels[idx])
                opt.zero_grad()
                loss.backward()
                opt.step()
                acc = (out.argmax(1) == labels[idx]).float().mean()
                run.log({"train/loss": loss.item(), "train/acc": acc.item()}, step=step)
                if step % 50 == 49:
                    with torch.no_grad():
                        held = net(vx)
                    told = {"val/loss": F.cross_entropy(held, vy), "val/acc": (held.argmax(1) == vy).float().mean()}
                    run.log(told, step=step)
                step += 1
            with torch.no_grad():
                labels[30:] = net(shifted(x[30:]) if stage else x[30:]).argmax(1)
