"""What is recorded of a program: the numbers that it computes, under the names and at the steps that people expect."""

from __future__ import annotations

import gc
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nntui import names
from nntui.unmodified import course
from nntui.unmodified.functions import FUNCTIONS, OWNER
from nntui.unmodified.models import alive

from .programs import PROGRAMS, Generator, batches, net


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def small(*, lr: float = 0.1) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    return model, torch.optim.SGD(model.parameters(), lr)


# --- losses and rates -------------------------------------------------------------------------


def test_the_loss_and_the_rate_of_every_update_are_those_of_the_program(record) -> None:
    found = record(PROGRAMS["plain"])
    losses = found.given[:6] + found.given[9:15] + found.given[18:24]
    assert found.values("train/loss") == pytest.approx(losses)
    assert found.values("lr") == pytest.approx([1e-2] * 5 + [1e-3] * 5 + [1e-4] * 5 + [1e-5] * 3)
    assert [*found.found["train/loss"]] == list(range(18))


def test_accumulated_losses_are_averaged_over_an_update(record) -> None:
    found = record(PROGRAMS["accumulated"])
    losses = torch.tensor(found.given[:16]).reshape(4, 4).mean(1)
    assert found.values("train/loss") == pytest.approx(losses.tolist())


def test_a_loss_is_recorded_without_its_scale_and_a_skipped_attempt_is_no_step(record) -> None:
    found = record(PROGRAMS["scaled"])
    losses = found.given[:10]
    assert [*found.found["lr"]] == list(range(9))
    assert found.values("train/loss")[:4] == pytest.approx(losses[:4])
    assert found.values("train/loss")[5:] == pytest.approx(losses[6:])
    assert found.values(names.SKIPPED)[-1] == 1


def test_the_loss_of_a_closure_is_the_first_of_its_update(record) -> None:
    found = record(PROGRAMS["closure"])
    assert found.values("train/loss") == pytest.approx(found.given[:6])


def test_a_loss_is_what_it_was_when_backward_was_called(record) -> None:
    def program() -> list[float]:
        model, optimizer = small()
        given = []
        for x, y in batches(4):
            loss = functional.cross_entropy(model(x), y)
            given.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            with torch.no_grad():
                loss.mul_(100)  # as a sum over ranks does, for a log
            optimizer.step()
        return given

    found = record(program)
    assert found.values("train/loss") == pytest.approx(found.given)


def test_only_where_a_gradient_is_not_given_a_loss_begins(record) -> None:
    found = record(PROGRAMS["twice_through_the_graph"])
    losses = found.values("train/loss")
    assert len(losses) == 6
    assert losses[0] < found.given[0] / 2 + 2  # the mean of twice the sum, the mean and the largest


@pytest.mark.parametrize("late", [False, True])
def test_each_optimizer_with_a_loss_of_its_own_has_a_curve_of_its_own(record, late: bool) -> None:
    class Actor(nn.Linear):
        pass

    class Critic(nn.Linear):
        pass

    def program() -> list[tuple[float, float]]:
        actor, critic = Actor(6, 1), Critic(6, 1)
        acting, judging = torch.optim.SGD(actor.parameters(), 0.1), torch.optim.SGD(critic.parameters(), 0.2)
        given = []
        for x, _ in batches(5):
            acting.zero_grad()
            gain = -critic(actor(x) * x).mean()
            gain.backward()  # reaches the critic too
            if not late:
                acting.step()
            judging.zero_grad()
            error = (critic(x) - x.sum(1, keepdim=True)).square().mean()
            error.backward()
            if late:
                acting.step()
            judging.step()
            given.append((gain.item(), error.item()))
        return given

    found = record(program)
    assert found.values("train/loss/Actor") == pytest.approx([gain for gain, _ in found.given])
    assert found.values("train/loss/Critic") == pytest.approx([error for _, error in found.given])
    assert found.values("lr") == [0.1] * 5
    assert found.values("lr/Critic") == [0.2] * 5
    (told,) = [event for event in found.events[0] if event["event"] == names.WATCH_EVENT]
    assert '"declared": ["adversarial"]' in told["data"]


def test_optimizers_that_share_a_loss_share_a_curve(record) -> None:
    def program() -> list[float]:
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
        pair = torch.optim.SGD(model[0].parameters(), 0.1), torch.optim.Adam(model[2].parameters(), 0.01)
        given = []
        for x, y in batches(5):
            loss = functional.cross_entropy(model(x), y)
            for one in pair:
                one.zero_grad()
            loss.backward()
            for one in pair:
                one.step()
            given.append(loss.item())
        return given

    found = record(program)
    assert found.values("train/loss") == pytest.approx(found.given)
    assert [metric for metric in found.found if "loss" in metric] == ["train/loss"]
    assert found.values("lr/2") == [0.01] * 5
    assert {names.layer_of(metric)[0] for metric in found.found if metric.endswith("/grad_norm")} >= {"0", "2"}


def test_the_one_loss_of_a_single_update_is_recorded(record) -> None:
    def program() -> float:
        model, optimizer = small()
        return step(optimizer, model(torch.randn(4, 6)).square().mean())

    found = record(program)
    assert found.values("train/loss") == pytest.approx([found.given])


# --- models -----------------------------------------------------------------------------------


def test_a_model_that_is_not_called_as_a_whole_is_seen_from_where_it_is_entered(record) -> None:
    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x: Tensor) -> Tensor:
            raise NotImplementedError

        def training_step(self, x: Tensor, y: Tensor) -> Tensor:
            return functional.cross_entropy(self.net(x), y)

    def program() -> None:
        model = Module()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for x, y in batches(6):
            step(optimizer, model.training_step(x, y))

    found = record(program)
    assert found.values(names.TRAINING_MODE) == [1.0] * len(found.values(names.TRAINING_MODE)) != []
    assert found.values(names.DATA_WAIT)
    assert names.layer("net.0", names.ACTIVATION_STD) in found.found


def test_models_that_one_optimizer_updates_are_watched_together(record) -> None:
    def program() -> None:
        making, model = Generator(), small()[0]
        optimizer = torch.optim.SGD([*making.parameters(), *model.parameters()], 0.1)
        for x, y in batches(6):
            step(optimizer, functional.cross_entropy(model(torch.cat([making(x[:, :4]), x[:, 2:]], 1)), y))

    found = record(program)
    layers = {names.layer_of(metric)[0] for metric in found.found if metric.endswith("/activation_std")}
    assert layers == {"Generator.body.0", "Generator.body.2", "Sequential.0", "Sequential.2"}


def test_a_class_that_cannot_be_hashed_hides_no_model() -> None:
    class Unhashable(type):
        __hash__ = None  # as of a metaclass that defines __eq__ alone

    class Odd(metaclass=Unhashable):
        held: object = None

    odd, model = Odd(), nn.Linear(1, 1)
    odd.held = [odd]
    assert any(one is model for one in alive(nn.Module))
    assert all(isinstance(one, nn.Module) for one in alive(nn.Module))


def test_a_view_of_a_part_is_no_model_of_its_own(record) -> None:
    def program() -> nn.Module:
        model, optimizer = small()
        features = nn.Sequential(*list(model.children())[:-1])
        for x, y in batches(4):
            step(optimizer, functional.cross_entropy(model(x), y))
        return features

    found = record(program)
    assert {names.layer_of(metric)[0] for metric in found.found if metric.endswith("/grad_norm")} >= {"0", "2"}
    assert names.layer("Sequential.0", names.GRAD_NORM) not in found.found


def test_tensors_that_no_module_holds_are_recorded_by_their_losses(record) -> None:
    def program() -> list[float]:
        w = torch.zeros(6, requires_grad=True)
        optimizer = torch.optim.SGD([w], 0.1)
        return [step(optimizer, (x @ w - x.sum(1)).square().mean()) for x, _ in batches(4)]

    found = record(program)
    assert found.values("train/loss") == pytest.approx(found.given)
    (note,) = [event for event in found.events[0] if event["event"] == "note"]
    assert "layers are not seen" in note["data"]


def test_an_optimizer_within_another_is_a_part_of_it(record) -> None:
    class Slow(torch.optim.Optimizer):
        def __init__(self, inner: torch.optim.Optimizer) -> None:
            self.inner = inner
            super().__init__(inner.param_groups, {})

        def step(self, closure=None):  # pyright: ignore[reportIncompatibleMethodOverride]
            return self.inner.step(closure)

    def program() -> list[float]:
        model, inner = small()
        outer = Slow(inner)
        return [step(outer, functional.cross_entropy(model(x), y)) for x, y in batches(5)]

    found = record(program)
    assert found.values("train/loss") == pytest.approx(found.given)
    assert [*found.found["train/loss"]] == list(range(5))


# --- one training after the other -------------------------------------------------------------


def test_models_that_are_trained_one_after_the_other_have_runs_of_their_own(record) -> None:
    found = record(PROGRAMS["sequence_of_models"])
    assert [path.name for path in found.runs] == ["it", "it-2"]
    losses = [found.given[:40], found.given[44:84]]
    for metrics, expected in zip(found.metrics, losses, strict=True):
        assert [*metrics["train/loss"].values()] == pytest.approx(expected)
        assert [*metrics["train/loss"]] == list(range(40))


def test_an_optimizer_that_is_made_anew_goes_on_with_its_run(record) -> None:
    def program() -> list[float]:
        model, optimizer = small()
        given = []
        for _ in range(3):
            given += [step(optimizer, functional.cross_entropy(model(x), y)) for x, y in batches(4)]
            optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        return given

    found = record(program)
    assert found.values("train/loss") == pytest.approx(found.given)


def probed_after_each_epoch() -> tuple[list[float], list[float]]:
    """A network that learns by itself, and a probe on what it has learned after each epoch."""
    (model, optimizer), own, probed = small(), [], []
    for _ in range(3):
        own += [step(optimizer, functional.cross_entropy(model(x), y)) for x, y in batches(40)]
        probe, prober = small()
        probed += [step(prober, functional.cross_entropy(probe(x), y)) for x, y in batches(40)]
    return own, probed


def test_a_training_goes_on_in_its_run_after_another_in_between(record) -> None:
    found = record(probed_after_each_epoch)
    own, probed = found.given
    assert [path.name for path in found.runs] == ["it", "it-2", "it-3", "it-4"]
    assert found.metrics[0]["train/loss"] == pytest.approx(dict(enumerate(own)))
    assert [one for metrics in found.metrics[1:] for one in metrics["train/loss"].values()] == pytest.approx(probed)


def test_a_training_is_recorded_to_its_end_however_many_others_there_are_in_between(record, monkeypatch) -> None:
    monkeypatch.setattr(course, "MOST", 2)
    found = record(probed_after_each_epoch)
    assert [path.name for path in found.runs] == ["it", "it-2"]
    assert found.metrics[0]["train/loss"] == pytest.approx(dict(enumerate(found.given[0])))


def test_another_optimizer_of_a_model_that_was_trained_before_begins_a_training_of_its_own(record) -> None:
    def program() -> None:
        def trained(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
            for x, y in batches(40):
                step(optimizer, functional.cross_entropy(model(x), y))

        model, optimizer = small()
        trained(model, optimizer)
        trained(*small())
        trained(model, torch.optim.Adam(model.parameters(), 1e-4))

    assert [path.name for path in record(program).runs] == ["it", "it-2", "it-3"]


def test_short_trainings_within_one_are_none_of_its_updates(record) -> None:
    """The inner loop of meta-learning: a copy, and a few updates of it."""

    def program() -> list[float]:
        model, optimizer = small()
        given = []
        for x, y in batches(6):
            given.append(step(optimizer, functional.cross_entropy(model(x), y)))
            copied, inner = small()
            copied.load_state_dict(model.state_dict())
            for u, v in batches(5):
                step(inner, functional.cross_entropy(copied(u), v))
        return given

    found = record(program)
    assert found.values("train/loss") == pytest.approx(found.given)
    assert "30 updates by optimizers of other parameters are not recorded" in found.notes()


def test_where_nothing_is_trained_there_is_no_run(record) -> None:
    def program() -> None:
        image = torch.randn(3, requires_grad=True)
        for _ in range(20):
            image.square().sum().backward()
        small()[0](torch.randn(2, 6))

    assert record(program).runs == []


# --- evaluation -------------------------------------------------------------------------------


class WeighedLoss(nn.Module):
    """A loss of somebody's own, of parts that are losses."""

    def forward(self, outputs, targets):
        return functional.cross_entropy(outputs, targets) + 0.5 * functional.nll_loss(outputs, targets)


class LossOfModules(nn.Module):
    """Another, of loss modules."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.CrossEntropyLoss(), nn.MultiMarginLoss()

    def forward(self, outputs, targets):
        return self.one(outputs, targets) + 0.5 * self.other(outputs, targets)


class NamedAnew(nn.CrossEntropyLoss):
    """The same under another name."""


def made(loss):
    """Modules are made by the program: `nntui run` finds what there is once it runs."""
    return loss() if isinstance(loss, type) else loss


LOSSES = {
    "a module": nn.CrossEntropyLoss,
    "a module of its own": WeighedLoss,
    "a module of modules": LossOfModules,
    "a module named anew": NamedAnew,
    "a function": functional.cross_entropy,
    "a function that calls another": lambda outputs, targets: functional.nll_loss(outputs.log_softmax(1), targets),
    "another module": nn.MultiMarginLoss,
    "the mean of squares": lambda outputs, targets: functional.mse_loss(outputs[:, 0], targets.float()),
    "one output": lambda outputs, targets: functional.binary_cross_entropy(
        outputs[:, 0].sigmoid(), (targets > 0).float()
    ),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_an_evaluation_is_the_mean_over_its_examples(record, kind: str) -> None:
    def program() -> list[float]:
        (model, optimizer), criterion = small(), made(LOSSES[kind])
        given = []
        for _ in range(3):
            model.train()
            for x, y in batches(4):
                step(optimizer, criterion(model(x), y))
            model.eval()
            total = 0.0
            with torch.no_grad():
                for size in (32, 32, 10):
                    (x, y), *_ = batches(1, size)
                    total += criterion(model(x), y).item() * size
            given.append(total / 74)
        return given

    found = record(program)
    assert found.values("val/loss") == pytest.approx(found.given)
    assert [*found.found["val/loss"]] == [4, 8, 12]


def padded(y):
    """Labels of which every fifth does not count."""
    return y.masked_fill(torch.arange(len(y)) % 5 == 0, -100)


SUMS = {
    "labels": (functional.cross_entropy, lambda y: y),
    "labels, some left out": (functional.cross_entropy, padded),
    "probabilities": (functional.cross_entropy, lambda y: functional.one_hot(y, 2).float()),
    "logarithms": (lambda o, y, **named: functional.nll_loss(o.log_softmax(1), y, **named), lambda y: y),
    "squares": (functional.mse_loss, lambda y: functional.one_hot(y, 2).float()),
    "a module": (lambda o, y, reduction="mean": nn.CrossEntropyLoss(reduction=reduction)(o, y), lambda y: y),
}


@pytest.mark.parametrize("kind", SUMS)
def test_a_sum_of_what_is_trained_on_is_evaluated_as_its_mean(record, kind: str) -> None:
    loss, targets = SUMS[kind]

    def program() -> list[float]:
        (model, optimizer), given = small(), []
        for _ in range(2):
            model.train()
            for x, y in batches(3):
                step(optimizer, loss(model(x), targets(y)))
            model.eval()
            with torch.no_grad():
                ((x, y),) = batches(1)
                loss(model(x), targets(y), reduction="sum")
                given.append(_plainly(loss, model(x), targets(y)))
        return given

    found = record(program)
    assert found.values("val/loss") == pytest.approx(found.given)


def _plainly(loss, outputs, targets) -> float:
    """The mean, where nobody looks: with gradients."""
    with torch.enable_grad():
        return loss(outputs, targets).item()


@pytest.mark.parametrize(
    ("trained", "evaluated"),
    [
        ({"reduction": "sum"}, {"reduction": "sum"}),
        ({}, {"reduction": "sum", "weight": torch.tensor([1.0, 3.0])}),
    ],
)
def test_a_sum_whose_mean_is_not_what_is_trained_on_tells_nothing(record, trained, evaluated) -> None:
    def program() -> None:
        model, optimizer = small()
        for x, y in batches(3):
            model.train()
            step(optimizer, functional.cross_entropy(model(x), y, **trained))
            model.eval()
            with torch.no_grad():
                functional.cross_entropy(model(x), y, **evaluated)

    assert "val/loss" not in record(program).found


class SummedLoss(nn.Module):
    """A sum over examples, calculated by way of a mean."""

    reduction = "sum"

    def forward(self, outputs, targets):
        return functional.cross_entropy(outputs, targets) * len(outputs)


PARTS = {
    "a sum": SummedLoss,
    "two functions": lambda outputs, targets: (
        functional.cross_entropy(outputs, targets) + functional.multi_margin_loss(outputs, targets)
    ),
    "a penalty": lambda outputs, targets: functional.cross_entropy(outputs, targets) + outputs.square().mean(),
    "a root": lambda outputs, targets: functional.mse_loss(outputs[:, 0], targets.float()).sqrt(),
    "twice on one line": lambda outputs, targets: (
        functional.cross_entropy(outputs, targets) + functional.cross_entropy(-outputs, targets)
    ),
}


@pytest.mark.parametrize("how", PARTS)
def test_a_function_that_is_only_a_part_of_the_loss_is_not_taken_for_it(record, how: str) -> None:
    def program() -> None:
        (model, optimizer), loss = small(), made(PARTS[how])
        for _ in range(2):
            model.train()
            for x, y in batches(3):
                step(optimizer, loss(model(x), y))
            model.eval()
            with torch.no_grad():
                (x, y), *_ = batches(1)
                loss(model(x), y)

    assert "val/loss" not in record(program).found


def test_another_function_than_the_one_that_is_trained_on_is_no_evaluation(record) -> None:
    def program() -> list[float]:
        (model, optimizer), given = small(), []
        for x, y in batches(3):
            model.train()
            step(optimizer, functional.cross_entropy(model(x), y))
            model.eval()
            with torch.no_grad():
                functional.mse_loss(model(x)[:, 0], y.float())
                given.append(functional.cross_entropy(model(x), y).item())
        return given

    found = record(program)
    assert found.values("val/loss") == pytest.approx(found.given)


def test_a_loss_module_counts_though_a_penalty_is_trained_on_too(record) -> None:
    def program() -> list[float]:
        (model, optimizer), criterion, given = small(), nn.CrossEntropyLoss(), []
        for x, y in batches(3):
            model.train()
            step(optimizer, criterion(model(x), y) + 1e-2 * sum(p.square().sum() for p in model.parameters()))
            model.eval()
            with torch.no_grad():
                given.append(criterion(model(x), y).item())
        return given

    found = record(program)
    assert found.values("val/loss") == pytest.approx(found.given)


def test_losses_in_a_package_whose_name_begins_like_torchs_are_at_places_of_their_own(record) -> None:
    lines = "def one(f, x, y):\n    return f(x, y)\ndef other(f, x, y):\n    return f(-x, y)\n"
    package: dict[str, Any] = {}
    exec(compile(lines, str(Path(torch.__file__).parent) + "metrics/losses.py", "exec"), package)  # noqa: S102

    def program() -> None:
        model, optimizer = small()
        for x, y in batches(3):
            model.train()
            step(optimizer, functional.cross_entropy(model(x), y))
            model.eval()
            with torch.no_grad():
                for name in ("one", "other"):
                    package[name](functional.cross_entropy, model(x), y)

    found = record(program)
    assert "val/loss" not in found.found
    assert [note for note in found.notes() if "2 places" in note]


def test_a_loss_that_is_mapped_over_a_batch_is_no_number_and_no_defect(record, capsys) -> None:
    def program() -> None:
        model, optimizer = small()
        for x, y in batches(4):
            model.train()
            step(optimizer, functional.cross_entropy(model(x), y))
            model.eval()
            with torch.no_grad():
                torch.func.vmap(functional.cross_entropy)(model(x)[:, None], y[:, None])

    found = record(program)
    assert [*found.found["train/loss"]] == [0, 1, 2, 3]
    assert "val/loss" not in found.found
    assert "recording stops" not in capsys.readouterr().err


def test_no_graph_of_a_loss_is_kept(record) -> None:
    alive: list[int] = []

    def program() -> None:
        (model, optimizer), known = small(), []
        for place, (x, y) in enumerate(batches(12)):
            saved = model(x)
            known.append(weakref.ref(saved))
            loss = functional.cross_entropy(saved, y)
            if place == 0:
                step(optimizer, loss)
            else:  # trained without a backward pass of its own
                for p, gradient in zip(
                    model.parameters(), torch.autograd.grad(loss, [*model.parameters()]), strict=True
                ):
                    p.grad = gradient
                optimizer.step()
            del saved, loss
            gc.collect()
            alive.append(sum(one() is not None for one in known))

    record(program)
    assert alive == [0] * 12


@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_a_loss_that_is_scaled_before_its_backward_pass_is_the_same_loss(record, factor: float) -> None:
    def program() -> float:
        model, optimizer = small()
        for x, y in batches(3):
            step(optimizer, functional.cross_entropy(model(x), y).float() * factor)
        model.eval()
        with torch.no_grad():
            (x, y), *_ = batches(1)
            return functional.cross_entropy(model(x), y).item()

    found = record(program)
    assert found.values("val/loss") == [pytest.approx(found.given)]


def test_functions_of_torch_are_its_own_before_and_after_and_for_a_compiler(record) -> None:
    def functions() -> list[object]:
        return [getattr(OWNER, name) for name in FUNCTIONS]

    plain, meanwhile = functions(), []

    def program() -> list[float]:
        (model, optimizer), losses = small(), []
        for place, (x, y) in enumerate(batches(6)):
            step(optimizer, functional.cross_entropy(model(x), y))
            if place == 2:
                meanwhile.extend(functions())
                with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                    scripted = torch.jit.script(scriptable)
                losses.append(scripted(model(x), y).item())
                losses.append(functional.cross_entropy(model(x), y).item())
        return losses

    found = record(program)
    assert found.given[0] == found.given[1]
    assert not any(one is other for one, other in zip(plain, meanwhile, strict=True))
    assert all(one is other for one, other in zip(plain, functions(), strict=True))


def scriptable(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(outputs, targets)


@pytest.mark.parametrize("how", ["training mode", "two places", "two passes", "each example"])
def test_what_is_not_plainly_an_evaluation_gives_no_number(record, how: str) -> None:
    def program() -> None:
        (model, optimizer), criterion = small(), nn.CrossEntropyLoss()
        each = nn.CrossEntropyLoss(reduction="none")
        for _ in range(2):
            model.train()
            for x, y in batches(4):
                step(optimizer, criterion(model(x), y))
            model.train(how == "training mode")
            with torch.no_grad():
                for _ in range(2 if how == "two passes" else 1):
                    for size in (32, 32, 10):
                        (x, y), *_ = batches(1, size)
                        (criterion if how.startswith("t") else each)(model(x), y)
                if how == "two places":
                    criterion(model(x), y)

    found = record(program)
    assert "val/loss" not in found.found
    assert len([note for note in found.notes() if "val/loss is not recorded" in note]) == (how.startswith("two"))


def test_an_evaluation_at_another_place_is_none_of_the_first(record) -> None:
    def program() -> list[float]:
        (model, optimizer), criterion = small(), nn.CrossEntropyLoss()
        given = []
        for _ in range(2):
            model.train()
            for x, y in batches(4):
                step(optimizer, criterion(model(x), y))
            model.eval()
            with torch.no_grad():
                (x, y), *_ = batches(1)
                given.append(criterion(model(x), y).item())
        with torch.no_grad():  # of the test split, once
            criterion(model(x * 2), y)
        return given

    found = record(program)
    assert found.values("val/loss") == pytest.approx(found.given)
