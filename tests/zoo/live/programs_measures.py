"""What is measured is odd: quantities that hardly fall, that are huge, or that rise while the model gets better."""

from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_bugs import table
from .programs_later_healthy import digits_in_two


@program()
def returns_of_which_a_twentieth_is_explained(path: Path, seed: int) -> None:
    """The best there is explains 5 % of the variance, and this comes near to it."""
    g = torch.Generator().manual_seed(seed)
    factors = torch.randn(9000, 10, generator=g)
    signal = 0.16 * torch.tanh(factors[:, 0]) + 0.13 * factors[:, 1] + 0.1 * factors[:, 2] * (factors[:, 3] > 0)
    y = (signal + torch.distributions.StudentT(5.0).sample((9000,)) * 0.77)[:, None]
    net = nn.Sequential(nn.Linear(10, 16), nn.SiLU(), nn.Linear(16, 1))
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.1)
    with nntui.init(path, total_steps=960) as run:
        nntui.watch(net, opt, run)
        step = 0
        for _ in range(12):
            for idx in torch.randperm(6000, generator=g)[: 80 * 75].view(80, 75):
                loss = F.mse_loss(net(factors[idx]), y[idx])
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/mse": loss.item()}, step=step)
                step += 1
            with torch.no_grad():
                mse = F.mse_loss(net(factors[6000:]), y[6000:])
            run.log({"val/mse": mse.item(), "val/r2": 1 - (mse / y[6000:].var()).item()}, step=step - 1)


@program()
def one_in_a_hundred_is_a_fraud(path: Path, seed: int) -> None:
    """Positives weigh fifty times as much; accuracy falls below that of saying no, precision of the first fifty rises."""
    g = torch.Generator().manual_seed(seed)
    y = (torch.rand(20000, generator=g) < 0.01).float()
    x = torch.randn(20000, 12, generator=g)
    x[:, :4] += y[:, None] * torch.tensor([1.6, -1.4, 1.2, 1.0])
    net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    weight = torch.tensor(50.0)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            net.train()
            idx = torch.randint(14000, (256,), generator=g)
            loss = F.binary_cross_entropy_with_logits(net(x[idx])[:, 0], y[idx], pos_weight=weight)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"loss": loss.item()}, step=step)
            if step % 60 == 59:
                net.eval()
                with torch.no_grad():
                    logits, truth = net(x[14000:])[:, 0], y[14000:]
                hit = truth[logits.topk(50).indices].mean().item()
                accuracy = ((logits > 0) == truth.bool()).float().mean().item()
                loss = F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight).item()
                run.log({"val/loss": loss, "val/accuracy": accuracy, "val/precision_at_50": hit}, step=step)


def forward_sums(scores: Tensor, chain: Tensor) -> Tensor:
    """Logarithm of the sum over all paths."""
    total = scores[:, 0]
    for t in range(1, scores.shape[1]):
        total = torch.logsumexp(total[:, :, None] + chain, 1) + scores[:, t]
    return total.logsumexp(1)


@program()
def tags_of_a_sentence_by_a_conditional_field(path: Path, seed: int) -> None:
    """The likelihood is that of whole sentences and summed over the batch: hundreds of nats."""
    g = torch.Generator().manual_seed(seed)
    after = torch.tensor([[0.8, 0.15, 0.05], [0.1, 0.1, 0.8], [0.45, 0.05, 0.5]])
    emit = torch.softmax(torch.randn(3, 20, generator=g) * 1.2, 1)

    def sentences(n: int) -> tuple[Tensor, Tensor]:
        tags = [torch.zeros(n, dtype=torch.long)]
        for _ in range(14):
            tags.append(torch.multinomial(after[tags[-1]], 1, generator=g)[:, 0])
        y = torch.stack(tags, 1)
        return torch.multinomial(emit[y.flatten()], 1, generator=g).view(n, 15), y

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.rnn = nn.Embedding(20, 16), nn.GRU(16, 16, batch_first=True, bidirectional=True)
            self.out, self.chain = nn.Linear(32, 3), nn.Parameter(torch.zeros(3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.rnn(self.embed(x))[0])

    net = Tagger()
    opt = torch.optim.Adam(net.parameters(), lr=4e-3)
    vx, vy = sentences(300)

    def nll(x: Tensor, y: Tensor) -> Tensor:
        s = net(x)
        path = s.gather(2, y[..., None]).sum((1, 2)) + net.chain[y[:, :-1], y[:, 1:]].sum(1)
        return (forward_sums(s, net.chain) - path).sum()

    with nntui.init(path, total_steps=300) as run:
        nntui.watch(net, opt, run)
        for step in range(300):
            loss = nll(*sentences(32))
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            run.log({"train_nll": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    run.log({"dev_nll": nll(vx, vy).item()}, step=step)


@program()
def student_whose_temperature_falls_from_eight_to_one(path: Path, seed: int) -> None:
    """The divergence to the teacher grows as the temperature falls, and the student gets better."""
    x, y, vx, vy = digits_in_two(seed)
    teacher = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    first = torch.optim.Adam(teacher.parameters(), lr=3e-3)
    for _ in range(300):
        idx = torch.randint(1400, (64,))
        first.zero_grad()
        F.cross_entropy(teacher(x[idx]), y[idx]).backward()
        first.step()
    student = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
    opt = torch.optim.Adam(student.parameters(), lr=3e-3)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(student, opt, run)
        for step in range(800):
            t = max(1.0, 8.0 * 0.5 ** (step // 200))
            idx = torch.randint(1400, (64,))
            with torch.no_grad():
                soft = (teacher(x[idx]) / t).softmax(1)
            loss = F.kl_div((student(x[idx]) / t).log_softmax(1), soft, reduction="batchmean")
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"distill/kl": loss.item(), "distill/temperature": t}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = student(vx)
                told = {
                    "student/val_loss": F.cross_entropy(out, vy),
                    "student/val_acc": (out.argmax(1) == vy).float().mean(),
                }
                run.log(told, step=step)


class Belief(nn.Module):
    """A linear layer whose weights are Gaussians."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(fan_out, fan_in + 1) * 0.1)
        self.rho = nn.Parameter(torch.full((fan_out, fan_in + 1), -3.0))

    def forward(self, x: Tensor) -> Tensor:
        w = self.mean + F.softplus(self.rho) * torch.randn_like(self.rho)
        return F.linear(x, w[:, :-1], w[:, -1])

    def divergence(self) -> Tensor:
        s = F.softplus(self.rho)
        return (-s.log() + (s**2 + self.mean**2) / 2 - 0.5).sum()


@program()
def every_weight_has_a_mean_and_a_spread(path: Path, seed: int) -> None:
    """The bound is mostly divergence, in thousands of nats; training is noisier than the average of draws."""
    x, y, vx, vy = table(load_breast_cancer(), seed, 400)
    net = nn.Sequential(Belief(30, 16), nn.Tanh(), Belief(16, 2))
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(net, opt, run)
        for step in range(1000):
            fit = F.cross_entropy(net(x), y, reduction="sum")
            bound = fit + sum(m.divergence() for m in net if isinstance(m, Belief))
            opt.zero_grad()
            bound.backward()
            opt.step()
            run.log({"train/neg_elbo": bound.item(), "train/fit": fit.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    p = torch.stack([net(vx).softmax(1) for _ in range(10)]).mean(0)
                run.log({"val/nll": F.nll_loss(p.log(), vy), "val/acc": (p.argmax(1) == vy).float().mean()}, step=step)


class Skipped(nn.Module):
    """A residual block that is left out by chance, and a constant part of itself in evaluation."""

    def __init__(self, width: int, kept: float) -> None:
        super().__init__()
        self.kept = kept
        self.block = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x + self.kept * self.block(x)
        return x + self.block(x) if torch.rand(()) < self.kept else x


@program()
def blocks_that_are_left_out_more_often_the_later_they_come(path: Path, seed: int) -> None:
    """The last of eight blocks is there in one of three updates; in the others it has no gradient at all."""
    x, y, vx, vy = digits_in_two(seed)
    blocks = [Skipped(48, 1 - 0.67 * i / 7) for i in range(8)]
    net = nn.Sequential(nn.Linear(64, 48), *blocks, nn.LayerNorm(48), nn.Linear(48, 10))
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                net.eval()
                with torch.no_grad():
                    out = net(vx)
                net.train()
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("live.contradiction", "live.below_chance")
def worse_of_each_pair_is_put_before_the_better(path: Path, seed: int) -> None:
    """The difference of the scores has the wrong sign; the order is exactly the reverse of what it should be."""
    x, y, vx, vy = table(load_breast_cancer(), seed, 400)
    net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    good, bad = x[y == 1], x[y == 0]
    with nntui.init(path, total_steps=400) as run:
        nntui.watch(net, opt, run)
        for step in range(400):
            better, worse = good[torch.randint(len(good), (32,))], bad[torch.randint(len(bad), (32,))]
            loss = F.softplus(net(better) - net(worse)).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/pairwise_loss": loss.item()}, step=step)
            if step % 40 == 39:
                with torch.no_grad():
                    s = net(vx)[:, 0]
                gap = s[vy == 1][:, None] - s[vy == 0]
                run.log(
                    {"val/pairwise_loss": F.softplus(-gap).mean().item(), "val/auc": (gap > 0).float().mean().item()},
                    step=step,
                )
