"""Reinforcement learning on tiny worlds written by hand: rewards are what counts, losses are odd."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional

import nntui

from .loop import program


class CartPoles:
    """Many carts with a pole each; a pole that fell, or stood for 200 steps, is put up anew."""

    def __init__(self, n: int, seed: int) -> None:
        self.rng = torch.Generator().manual_seed(seed)
        self.n, self.age, self.finished = n, torch.zeros(n), deque([10.0], maxlen=64)
        self.state = self.fresh()

    def fresh(self) -> Tensor:
        return torch.rand(self.n, 4, generator=self.rng) * 0.1 - 0.05

    def step(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next states, rewards, and which poles are over."""
        x, v, angle, turn = self.state.unbind(1)
        force = 20.0 * action - 10.0
        sin, cos = angle.sin(), angle.cos()
        pull = (force + 0.05 * turn.square() * sin) / 1.1
        bend = (9.8 * sin - cos * pull) / (0.5 * (4 / 3 - 0.1 * cos.square() / 1.1))
        push = pull - 0.05 * bend * cos / 1.1
        moved = torch.stack([x + 0.02 * v, v + 0.02 * push, angle + 0.02 * turn, turn + 0.02 * bend], 1)
        self.age += 1
        over = (moved[:, 0].abs() > 2.4) | (moved[:, 2].abs() > 0.2095) | (self.age >= 200)
        self.finished.extend(self.age[over].tolist())
        self.state = torch.where(over[:, None], self.fresh(), moved)
        self.age[over] = 0
        return self.state, torch.ones(self.n), over

    @property
    def length(self) -> float:
        """Steps that poles stood lately, in the mean."""
        return sum(self.finished) / len(self.finished)


class Corridor:
    """Eleven cells; the light says at which end the prize is. Ten steps, a prize of one less what the way took."""

    def __init__(self, n: int, seed: int) -> None:
        self.rng = torch.Generator().manual_seed(seed)
        self.n = n
        self.reset()

    def reset(self) -> Tensor:
        self.light = torch.randint(2, (self.n,), generator=self.rng)
        self.place = torch.randint(3, 8, (self.n,), generator=self.rng)
        return self.seen()

    def seen(self) -> Tensor:
        return torch.cat([functional.one_hot(self.place, 11), functional.one_hot(self.light, 2)], 1).float()

    def step(self, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.place = (self.place + 2 * right - 1).clamp(0, 10)
        over = (self.place == 0) | (self.place == 10)
        won = over & ((self.place == 10) == (self.light == 1))
        return self.seen(), won.float(), over


def played(world: Corridor, policy: Callable[[Tensor], Tensor], cost: float) -> tuple[Tensor, Tensor, Tensor]:
    """Episodes of ten steps: log probabilities of what was done (steps, n), which count, and returns (n)."""
    seen, alive, total = world.reset(), torch.ones(world.n), torch.zeros(world.n)
    logs, counted = [], []
    for _ in range(10):
        chance = Categorical(logits=policy(seen))
        action = chance.sample()
        logs.append(chance.log_prob(action))
        counted.append(alive)
        seen, reward, over = world.step(action)
        total = total + alive * (reward - cost)
        alive = alive * (~over).float()
    return torch.stack(logs), torch.stack(counted), total


@program()
def reinforce_in_a_corridor(path: Path, seed: int) -> None:
    """The surrogate loss wanders around zero; returns rise slowly and with noise."""
    world = Corridor(32, seed)
    policy = nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
    baseline = played(world, policy, cost=0.02)[2].mean().item()
    with nntui.init(path, total_steps=650) as run:
        nntui.watch(policy, optimizer, run)
        for episode in range(650):
            logs, counted, returns = played(world, policy, cost=0.02)
            baseline += 0.05 * (returns.mean().item() - baseline)
            loss = -((logs * counted).sum(0) * (returns - baseline)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"loss": loss.item(), "return": returns.mean().item(), "baseline": baseline}, step=episode)


@program("live.collapse", "live.update_ratio")
def policy_that_is_sure_before_it_has_learned(path: Path, seed: int) -> None:
    """A rate of one and rewards that are never negative: whatever was done first is done for ever, light or no light."""
    world = Corridor(16, seed)
    policy = nn.Sequential(nn.Linear(13, 64), nn.Tanh(), nn.Linear(64, 2))
    optimizer = torch.optim.SGD(policy.parameters(), lr=1.0, momentum=0.9)
    places = torch.arange(3, 8).repeat(2)
    lights = torch.arange(2).repeat_interleave(5)
    fixed = torch.cat([functional.one_hot(places, 11), functional.one_hot(lights, 2)], 1).float()
    with nntui.init(path, config={"lr": 1.0}, total_steps=500) as run:
        nntui.watch(policy, optimizer, run)
        for step in range(500):
            logs, counted, returns = played(world, policy, cost=0.0)
            loss = -((logs * counted).sum(0) * (returns + 1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"policy_loss": loss, "reward": returns.mean()}, step=step)
            if step % 25 == 0:
                with torch.no_grad():
                    logits = policy(fixed)
                run.predictions(logits, targets=lights if step == 0 else None, step=step)


class Grid:
    """Six by six cells; from a corner to the other, a reward there only, and a hole in the middle."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.reset()

    def reset(self) -> int:
        self.row, self.column, self.age = self.rng.randrange(6), self.rng.randrange(3), 0
        return self.row * 6 + self.column

    def step(self, action: int, prize: float = 1.0) -> tuple[int, float, bool, bool]:
        """The next cell, the reward, whether it is an end, and whether time is up."""
        down, right = ((1, 0), (-1, 0), (0, 1), (0, -1))[action]
        self.row, self.column = min(max(self.row + down, 0), 5), min(max(self.column + right, 0), 5)
        self.age += 1
        won, fell = (self.row, self.column) == (5, 5), (self.row, self.column) in {(2, 2), (3, 3)}
        return self.row * 6 + self.column, prize * (won - 0.5 * fell), won or fell, self.age >= 40


class Dqn:
    """A network for values, one that lags behind, and what was lived through."""

    def __init__(self, seed: int, optimizer: Callable[..., torch.optim.Optimizer], prize: float = 1.0) -> None:
        self.rng, self.world, self.prize = random.Random(seed), Grid(seed), prize
        self.online = nn.Sequential(nn.Linear(36, 64), nn.Tanh(), nn.Linear(64, 4))
        self.target = copy.deepcopy(self.online)
        self.optimizer = optimizer(self.online.parameters())
        self.lived: deque[tuple[int, int, float, int, bool]] = deque(maxlen=4000)
        self.rewards: deque[float] = deque([0.0], maxlen=50)
        self.cell = self.world.reset()
        self.codes = torch.eye(36)

    def act(self, explore: float) -> None:
        with torch.no_grad():
            best = int(self.online(self.codes[self.cell]).argmax())
        action = self.rng.randrange(4) if self.rng.random() < explore else best
        following, reward, over, late = self.world.step(action, self.prize)
        self.lived.append((self.cell, action, reward, following, over))
        if over or late:
            self.rewards.append(reward)
            following = self.world.reset()
        self.cell = following

    def loss(self, size: int = 32) -> Tensor:
        cells, actions, rewards, following, over = zip(*self.rng.sample(self.lived, size), strict=True)
        values = self.online(self.codes[list(cells)])[torch.arange(size), torch.tensor(actions)]
        with torch.no_grad():
            ahead = self.target(self.codes[list(following)]).max(1).values
        aims = torch.tensor(rewards) + 0.97 * ahead * (1 - torch.tensor(over, dtype=torch.float32))
        return functional.mse_loss(values, aims)

    def learn(self, size: int = 32) -> float:
        loss = self.loss(size)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


@program()
def dqn_on_a_grid(path: Path, seed: int) -> None:
    """The loss is least before anything is known, and jumps whenever the target is renewed."""
    agent = Dqn(seed, partial(torch.optim.Adam, lr=2e-3))
    for _ in range(400):
        agent.act(1.0)
    with nntui.init(path, total_steps=1500) as run:
        nntui.watch(agent.online, agent.optimizer, run)
        for step in range(1500):
            for _ in range(2):
                agent.act(max(0.05, 1 - step / 750))
            loss = agent.learn(64)
            if step % 50 == 49:
                agent.target.load_state_dict(agent.online.state_dict())
            reward = sum(agent.rewards) / len(agent.rewards)
            run.log({"td_loss": loss, "episode_reward": reward, "epsilon": max(0.05, 1 - step / 750)}, step=step)


@program("live.divergence", "live.spike", "live.update_ratio", "live.nonfinite")
def dqn_with_rewards_of_a_thousand(path: Path, seed: int) -> None:
    """Rewards are left as the game has them: squared, they are too much for the rate, and values run away."""
    agent = Dqn(seed, partial(torch.optim.SGD, lr=0.05, momentum=0.9), prize=1000.0)
    for _ in range(40):
        agent.act(1.0)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(agent.online, agent.optimizer, run)
        for step in range(800):
            agent.act(0.5)
            loss = agent.learn(16)
            if step % 50 == 49:
                agent.target.load_state_dict(agent.online.state_dict())
            run.log({"loss": loss, "reward": float(np.mean(agent.rewards))}, step=step)


@program("live.memory")
def dqn_that_keeps_values_with_their_graphs(path: Path, seed: int) -> None:
    """Values of the moment are kept for a picture later, and with each of them all that it was calculated from."""
    carts = CartPoles(64, seed)
    net = nn.Sequential(nn.Linear(4, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 2))
    frozen = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    memory: deque[tuple[Tensor, Tensor, Tensor, Tensor]] = deque(maxlen=50)
    values_over_time = []
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, optimizer, run)
        for step in range(600):
            state = carts.state
            q = net(state)
            values_over_time.append(q.max(1).values)
            chance = torch.rand(64, generator=carts.rng) < max(0.1, 1 - step / 300)
            action = torch.where(chance, torch.randint(2, (64,), generator=carts.rng), q.argmax(1))
            following, _, over = carts.step(action)
            memory.append((state, action, following, over))
            state, action, following, over = random.Random(seed + step).choice(memory)
            with torch.no_grad():
                aim = 0.1 + 0.97 * frozen(following).max(1).values * (~over).float()
            loss = functional.smooth_l1_loss(net(state).gather(1, action[:, None])[:, 0], aim)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 50 == 49:
                frozen.load_state_dict(net.state_dict())
            run.log({"loss": loss.item(), "episode_length": carts.length}, step=step)


class ActorCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy, self.value = nn.Linear(64, 2), nn.Linear(64, 1)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(state * torch.tensor([1.0, 1.0, 5.0, 1.0]))
        return self.policy(h), self.value(h)[:, 0]


@program()
def actor_critic_on_cart_poles(path: Path, seed: int) -> None:
    """The loss of the value head rises as poles stand longer: there is more to predict."""
    carts, net = CartPoles(16, seed), ActorCritic()
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3, eps=1e-5)
    with nntui.init(path, total_steps=500, config={"envs": 16, "horizon": 8}) as run:
        nntui.watch(net, optimizer, run)
        for update in range(500):
            logs, values, ends, entropies = [], [], [], []
            for _ in range(8):
                logits, value = net(carts.state)
                chance = Categorical(logits=logits)
                action = chance.sample()
                _, _, over = carts.step(action)
                logs.append(chance.log_prob(action))
                values.append(value)
                ends.append(over.float())
                entropies.append(chance.entropy().mean())
            with torch.no_grad():
                ahead = net(carts.state)[1]
            returns = []
            for over in reversed(ends):
                ahead = 0.05 + 0.99 * ahead * (1 - over)
                returns.insert(0, ahead)
            advantage = torch.stack(returns) - torch.stack(values)
            policy_loss = -(torch.stack(logs) * advantage.detach()).mean()
            value_loss, entropy = advantage.square().mean(), torch.stack(entropies).mean()
            optimizer.zero_grad()
            (policy_loss + 0.5 * value_loss - 0.01 * entropy).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            losses = {"loss/policy": policy_loss, "loss/value": value_loss, "entropy": entropy}
            run.log({**losses, "reward/episode": carts.length}, step=update)


@program("live.stale_gradient")
def actor_critic_whose_critic_is_never_cleared(path: Path, seed: int) -> None:
    """Two optimizers, and zero_grad for one: the critic adds up all gradients it has ever had."""
    carts = CartPoles(32, seed)
    actor = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    critic = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1))
    actor_opt = torch.optim.Adam(actor.parameters(), lr=3e-3)
    critic_opt = torch.optim.Adam(critic.parameters(), lr=3e-3)
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(nn.ModuleDict({"actor": actor, "critic": critic}), [actor_opt, critic_opt], run)
        for step in range(1000):
            state = carts.state
            chance = Categorical(logits=actor(state))
            action = chance.sample()
            following, reward, over = carts.step(action)
            with torch.no_grad():
                aim = 0.05 * reward + 0.97 * critic(following)[:, 0] * (~over).float()
            advantage = aim - critic(state)[:, 0]
            actor_loss = -(chance.log_prob(action) * advantage.detach()).mean()
            critic_loss = advantage.square().mean()
            actor_opt.zero_grad()
            actor_loss.backward()
            actor_opt.step()
            critic_loss.backward()
            critic_opt.step()
            run.log({"actor_loss": actor_loss, "critic_loss": critic_loss, "length": carts.length}, step=step)


@program()
def ppo_on_cart_poles(path: Path, seed: int) -> None:
    """Sixteen updates with what was lived through once: within each round the loss falls, at the next it is back."""
    carts, net = CartPoles(32, seed), ActorCritic()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    step = 0
    with nntui.init(path, total_steps=50 * 16) as run:
        nntui.watch(net, optimizer, run)
        for _ in range(50):
            states, actions, logs, ends = [], [], [], []
            with torch.no_grad():
                for _ in range(48):
                    chance = Categorical(logits=net(carts.state)[0])
                    states.append(carts.state)
                    actions.append(chance.sample())
                    logs.append(chance.log_prob(actions[-1]))
                    ends.append(carts.step(actions[-1])[2].float())
                values = net(torch.stack([*states, carts.state]).flatten(0, 1))[1].view(49, -1)
                gained, advantages = torch.zeros(carts.n), []
                for i in reversed(range(48)):
                    surprise = 0.05 + 0.99 * values[i + 1] * (1 - ends[i]) - values[i]
                    gained = surprise + 0.99 * 0.95 * gained * (1 - ends[i])
                    advantages.insert(0, gained)
            advantage = torch.stack(advantages).flatten()
            aims = advantage + values[:-1].flatten()
            s, a, old = torch.cat(states), torch.cat(actions), torch.cat(logs)
            for part in torch.stack([torch.randperm(len(s)) for _ in range(4)]).view(16, -1):
                logits, value = net(s[part])
                chance = Categorical(logits=logits)
                ratio = (chance.log_prob(a[part]) - old[part]).exp()
                better = (advantage[part] - advantage.mean()) / (advantage.std() + 1e-8)
                policy = -torch.min(ratio * better, ratio.clamp(0.8, 1.2) * better).mean()
                loss = policy + 0.5 * functional.mse_loss(value, aims[part]) - 0.01 * chance.entropy().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                optimizer.step()
                run.log({"train/loss": loss, "train/policy_loss": policy, "reward": carts.length}, step=step)
                step += 1
