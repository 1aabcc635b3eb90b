"""Training programs in many people's styles; each gives every number that it computes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

Numbers = list[float]
PROGRAMS: dict[str, Callable[[], Numbers]] = {}


def program(function: Callable[[], Numbers]) -> Callable[[], Numbers]:
    """One of the programs; the same numbers whenever it is called."""

    @functools.wraps(function)
    def seeded() -> Numbers:
        torch.manual_seed(0)
        return function()

    PROGRAMS[function.__name__] = seeded
    return seeded


def net(*, dropout: float = 0.1) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))


def batches(count: int, size: int = 32) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(count):
        x = torch.randn(size, 6)
        yield x, (x.sum(1) > 0).long()


def weights(*models: nn.Module) -> Numbers:
    return [float(p.detach().double().sum()) for model in models for p in model.parameters()]


@program
def plain() -> Numbers:
    model, criterion = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    found = []
    for _ in range(3):
        model.train()
        for x, y in batches(6):
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            found.append(loss.item())
        model.eval()
        with torch.no_grad():
            found += [criterion(model(x), y).item() for x, y in batches(3, 20)]
    return found + weights(model)


@program
def accumulated() -> Numbers:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 1e-2, momentum=0.9)
    found = []
    for place, (x, y) in enumerate(batches(16)):
        loss = functional.cross_entropy(model(x), y) / 4
        loss.backward()
        found.append(loss.item())
        if place % 4 == 3:
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
    return found + weights(model)


@program
def closure() -> Numbers:
    model = nn.Linear(6, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    x = torch.randn(32, 6)

    def evaluate() -> Tensor:
        optimizer.zero_grad()
        loss = (model(x).squeeze(1) - x.sum(1)).square().mean()
        loss.backward()
        return loss

    return [optimizer.step(evaluate).item() for _ in range(6)] + weights(model)


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(16, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


@program
def adversaries() -> Numbers:
    making, judging = Generator(), Discriminator()
    first, second = (torch.optim.Adam(one.parameters(), 1e-3) for one in (judging, making))
    criterion = nn.BCEWithLogitsLoss()
    found = []
    for _ in range(8):
        first.zero_grad()
        fake = making(torch.randn(16, 4))
        loss = criterion(judging(torch.randn(16, 2) + 3), torch.ones(16, 1))
        loss = loss + criterion(judging(fake.detach()), torch.zeros(16, 1))
        loss.backward()
        first.step()
        second.zero_grad()
        fooled = criterion(judging(fake), torch.ones(16, 1))
        fooled.backward()
        second.step()
        found += [loss.item(), fooled.item()]
    return found + weights(making, judging)


@program
def scaled() -> Numbers:
    model = net()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    found = []
    for place, (x, y) in enumerate(batches(10)):
        loss = functional.cross_entropy(model(x), y)
        scaler.scale(loss * (float("inf") if place == 4 else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        found.append(loss.item())
    return found + weights(model)


@program
def loaded() -> Numbers:
    x = torch.randn(64, 6)
    data = TensorDataset(x, (x.sum(1) > 0).long())
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 1e-1)
    found = []
    for _ in range(2):
        for inputs, targets in DataLoader(data, 16, shuffle=True, num_workers=1):
            loss = functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
    return found + weights(model)


@program
def functions() -> Numbers:
    model = net(dropout=0.0).eval()
    values = {name: p.detach() for name, p in model.named_parameters()}

    def loss(values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(torch.func.functional_call(model, values, (x,)), y)

    found = []
    for x, y in batches(4):
        gradients, value = torch.func.grad_and_value(loss)(values, x, y)
        each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(values, x.unsqueeze(1), y.unsqueeze(1))
        values = {name: p - 0.1 * gradients[name] for name, p in values.items()}
        found += [value.item(), float(each["0.weight"].sum())]
    return found


@program
def sequence_of_models() -> Numbers:
    found: Numbers = []
    for width in (4, 8):
        model = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 2))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for x, y in batches(40):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        found += weights(model)
    return found


class WithLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = net(), nn.Linear(2, 2)

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.head(self.encoder(inputs))
        return {"loss": functional.cross_entropy(logits, labels), "logits": logits}


class Trainer:
    """The shape of a large library's: the model computes its loss, a step is a method, the optimizer is made late."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.losses: Numbers = []

    def training_step(self, inputs: dict[str, Tensor]) -> Tensor:
        self.model.train()
        loss = self.model(**inputs)["loss"]
        loss.backward()
        return loss.detach()

    def train(self) -> None:
        self.optimizer = torch.optim.AdamW(self.model.parameters(), 1e-2)
        for x, y in batches(8):
            self.losses.append(self.training_step({"inputs": x, "labels": y}).item())
            self.optimizer.step()
            self.model.zero_grad()
            self.losses.append(self.evaluate())

    @torch.no_grad()
    def evaluate(self) -> float:
        self.model.eval()
        return sum(self.model(inputs=x, labels=y)["loss"].item() for x, y in batches(2))


@program
def trainer() -> Numbers:
    model = WithLoss()
    one = Trainer(model)
    one.train()
    return one.losses + weights(model)


@program
def reinforced() -> Numbers:
    policy = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(policy.parameters(), 1e-2)
    found = []
    for _ in range(6):
        states, actions, rewards = [], [], []
        for _ in range(10):
            state = torch.randn(4)
            with torch.no_grad():
                action = torch.distributions.Categorical(logits=policy(state)).sample()
            states.append(state)
            actions.append(action)
            rewards.append(float(state.sum()) * (1 if action else -1))
        logp = torch.distributions.Categorical(logits=policy(torch.stack(states))).log_prob(torch.stack(actions))
        loss = -(logp * torch.tensor(rewards)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found + weights(policy)


@program
def twice_through_the_graph() -> Numbers:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    found = []
    for x, y in batches(6):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y, reduction="none")
        loss.sum().backward(retain_graph=True)
        loss.sum().backward(retain_graph=True)
        torch.autograd.backward([loss.mean(), loss.max()], retain_graph=True)
        loss.backward(torch.ones_like(loss))
        optimizer.step()
        found.append(loss.sum().item())
    return found + weights(model)


@program
def checkpointed() -> Numbers:
    first, second = net(), nn.Linear(2, 2)
    optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], 1e-2)
    found = []
    for x, y in batches(6):
        optimizer.zero_grad()
        hidden = checkpoint(first, x.requires_grad_(), use_reentrant=True)
        loss = functional.cross_entropy(second(hidden), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found + weights(first, second)


@program
def encoder() -> Numbers:
    """In eval mode a layer of an encoder calculates in another order once there is a hook in it."""
    block = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, norm_first=True)
    model = nn.Sequential(block, nn.Linear(64, 1))
    padding = torch.arange(5).expand(8, 5) > 2
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    found = []
    for _ in range(6):
        model.train()
        optimizer.zero_grad()
        loss = model[1](block(torch.randn(8, 5, 64), src_key_padding_mask=padding)).square().mean()
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            found += [loss.item(), float(block(torch.randn(8, 5, 64), src_key_padding_mask=padding).double().sum())]
    return found + weights(model)


@program
def compiled() -> Numbers:
    model = net()
    fast = torch.compile(model, backend="eager")
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    found = []
    for x, y in batches(5):
        optimizer.zero_grad()
        loss = functional.cross_entropy(fast(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found + weights(model)


@program
def compiled_function() -> Numbers:
    """Compiled again for each size of a batch, also while somebody looks."""
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)

    @torch.compile(backend="eager", fullgraph=True)
    def evaluate(x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(model(x), y)

    found = []
    for size in (8, 8, 9, 12, 1, 8):
        (x, y), *_ = batches(1, size)
        optimizer.zero_grad()
        loss = evaluate(x, y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found + weights(model)


@program
def copied() -> Numbers:
    """A moving average by hand, and a copy of everything after each update."""
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    average = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    found = []
    for x, y in batches(5):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for mine, other in zip(average.parameters(), model.parameters(), strict=True):
                mine.lerp_(other, 0.5)
        other, _ = copy.deepcopy((model, optimizer))
        found += [loss.item(), *weights(average), float(other(x).detach().sum())]
    return found + weights(model)
