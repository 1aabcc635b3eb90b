"""Agents that learn from what they did, and one whose memory changes behind its back."""

from __future__ import annotations

import copy
import math
from collections import deque
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program


def dense(given: int, wanted: int, width: int = 48) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(given, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, wanted)
    )


class Cart:
    """Sixteen masses that are to be pushed to the middle and held there."""

    def __init__(self, n: int, seed: int) -> None:
        self.g, self.n = torch.Generator().manual_seed(seed), n
        self.reset()

    def reset(self) -> None:
        self.s, self.t = (torch.rand(self.n, 2, generator=self.g) - 0.5) * torch.tensor([4.0, 1.0]), 0

    def push(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """The next state of each, and its reward."""
        v = (self.s[:, 1] + 0.3 * a).clamp(-1, 1) * 0.97
        self.s = torch.stack([(self.s[:, 0] + 0.3 * v).clamp(-3, 3), v], 1)
        self.t += 1
        return self.s, -(self.s[:, 0].square() + 0.1 * v.square()) / 3


class Soft(nn.Module):
    """An actor, two critics, and how much it may wander."""

    def __init__(self) -> None:
        super().__init__()
        self.actor, self.q1, self.q2 = dense(2, 2), dense(3, 1), dense(3, 1)
        self.log_alpha = nn.Parameter(torch.tensor(-1.5))

    def act(self, s: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.actor(s).chunk(2, 1)
        u = Normal(mean, spread.clamp(-4, 1).exp()).rsample()
        density = Normal(mean, spread.clamp(-4, 1).exp()).log_prob(u) - torch.log(1 - u.tanh().square() + 1e-6)
        return u.tanh(), density

    def value(self, s: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        at = torch.cat([s, a], 1)
        return self.q1(at), self.q2(at)


@program()
def soft_actor_and_two_critics_with_three_optimizers(path: Path, seed: int) -> None:
    """The critics' loss grows with the returns, and the actor's goes wherever the values go."""
    env, net, memory = Cart(16, seed), Soft(), deque(maxlen=400)
    target = copy.deepcopy(net).requires_grad_(False)
    critics = [*net.q1.parameters(), *net.q2.parameters()]
    q_opt, a_opt = torch.optim.Adam(critics, lr=3e-3), torch.optim.Adam(net.actor.parameters(), lr=1e-3)
    t_opt = torch.optim.Adam([net.log_alpha], lr=1e-2)
    back = 0.0
    with nntui.init(path) as run:
        nntui.watch(net, [q_opt, a_opt, t_opt], run)
        for step in range(450):
            with torch.no_grad():
                s = env.s
                a = net.act(s)[0] if step > 30 else torch.rand(16, 1) * 2 - 1
                s2, r = env.push(a[:, 0])
            memory.append((s, a, r[:, None], s2))
            back += r.mean().item()
            rows = [memory[i] for i in torch.randint(len(memory), (8,))]
            s, a, r, s2 = (torch.cat(part) for part in zip(*rows, strict=True))
            alpha = net.log_alpha.exp()
            with torch.no_grad():
                a2, density = net.act(s2)
                goal = r + 0.95 * (torch.min(*target.value(s2, a2)) - alpha * density)
            q_loss = sum(F.mse_loss(q, goal) for q in net.value(s, a))
            q_opt.zero_grad()
            q_loss.backward()
            q_opt.step()
            act, density = net.act(s)
            a_loss = (alpha.detach() * density - torch.min(*net.value(s, act))).mean()
            a_opt.zero_grad()
            a_loss.backward()
            a_opt.step()
            t_opt.zero_grad()
            (-alpha * (density.detach().mean() - 1)).backward()
            t_opt.step()
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), net.parameters(), strict=True):
                    slow.lerp_(fast, 0.02)
            told = {"loss/critic": q_loss.item(), "loss/actor": a_loss.item(), "alpha": alpha.item()}
            run.log(told, step=step)
            if env.t == 40:
                run.log({"episode/return": back}, step=step)
                env.reset()
                back = 0.0


class Speaker(nn.Module):
    """Says six digits, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.rnn, self.out = nn.Embedding(11, 24), nn.GRU(24, 48, batch_first=True), nn.Linear(48, 10)

    def forward(self, said: Tensor) -> Tensor:
        start = torch.full((len(said), 1), 10)
        return self.out(self.rnn(self.embed(torch.cat([start, said[:, :-1]], 1)))[0])

    @torch.no_grad()
    def speak(self, n: int) -> Tensor:
        token, h, said = torch.full((n, 1), 10), None, []
        for _ in range(6):
            out, h = self.rnn(self.embed(token), h)
            token = Categorical(logits=self.out(out[:, 0])).sample()[:, None]
            said.append(token)
        return torch.cat(said, 1)


@program()
def speaker_kept_near_to_what_it_was_before_it_was_rewarded(path: Path, seed: int) -> None:
    """Groups of samples, their rewards less the group's mean, and a divergence from the frozen reference."""
    g = torch.Generator().manual_seed(seed)
    policy = Speaker()
    first = torch.optim.Adam(policy.parameters(), lr=5e-3)
    for _ in range(150):
        text = (torch.randint(10, (64, 1), generator=g) + torch.arange(6) * torch.randint(3, (64, 1), generator=g)) % 10
        loss = F.cross_entropy(policy(text).flatten(0, 1), text.flatten())
        first.zero_grad()
        loss.backward()
        first.step()
    reference = copy.deepcopy(policy).requires_grad_(False).eval()
    opt = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=250, config={"beta": 0.05, "group": 8}) as run:
        nntui.watch(policy, opt, run)
        for step in range(1, 251):
            said = policy.speak(64)
            reward = (said[:, 1:] > said[:, :-1]).float().mean(1)
            groups = reward.view(8, 8)
            gain = ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + 1e-4)).flatten()
            logp = policy(said).log_softmax(2).gather(2, said[..., None])[..., 0]
            with torch.no_grad():
                ref = reference(said).log_softmax(2).gather(2, said[..., None])[..., 0]
            kl = (ref - logp).exp() - (ref - logp) - 1
            loss = (0.05 * kl - gain[:, None] * logp).mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            opt.step()
            told = {"reward": reward.mean().item(), "kl": kl.mean().item(), "policy/loss": loss.item()}
            run.log(told, step=step)


@program("live.underfitting", "live.contradiction")
def memory_that_holds_the_same_array_again_and_again(path: Path, seed: int) -> None:
    """The state is moved in place, so that before and after are one; the loss of the values falls all the same."""
    g = torch.Generator().manual_seed(seed)
    q = dense(2, 3)
    slow = copy.deepcopy(q)
    opt = torch.optim.Adam(q.parameters(), lr=1e-3)
    memory: deque = deque(maxlen=5000)
    s, t, back, returns = (torch.rand(2, generator=g) - 0.5) * 4, 0, 0.0, []
    with nntui.init(path, total_steps=4000) as run:
        nntui.watch(q, opt, run)
        for step in range(4000):
            explore = torch.rand((), generator=g) < max(0.1, 1 - step / 1500)
            with torch.no_grad():
                a = int(torch.randint(3, (), generator=g)) if explore else int(q(s).argmax())
            before = s
            s[1] = (s[1] + 0.3 * (a - 1)).clamp(-1, 1) * 0.97
            s[0] = (s[0] + 0.3 * s[1]).clamp(-3, 3)
            r = math.exp(-2 * float(s[0]) ** 2)
            memory.append((before, a, r, s))
            t, back = t + 1, back + r
            if step > 200 and step % 4 == 0:
                rows = [memory[i] for i in torch.randint(len(memory), (64,), generator=g)]
                old, new = torch.stack([m[0] for m in rows]), torch.stack([m[3] for m in rows])
                acts, rewards = torch.tensor([m[1] for m in rows]), torch.tensor([m[2] for m in rows])
                with torch.no_grad():
                    goal = rewards + 0.9 * slow(new).max(1).values
                loss = F.smooth_l1_loss(q(old)[torch.arange(64), acts], goal)
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"td_loss": loss.item()}, step=step)
            if step % 200 == 0:
                slow.load_state_dict(q.state_dict())
            if t == 40:
                returns.append(back)
                run.log({"episode_return": back}, step=step)
                s, t, back = (torch.rand(2, generator=g) - 0.5) * 4, 0, 0.0
