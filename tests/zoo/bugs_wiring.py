"""Mistakes in how layers, loss and targets are wired: what is applied twice, cut, broadcast, clipped or used by nobody."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from nntui import Task

from .bestiary import bug
from .changes import Then, halfway, replace, with_both, with_model, with_outputs
from .programs import lightning, vit

SOFTMAX = (r"softmax",)
SIGMOID = (r"sigmoid",)
BROADCAST = (r"broadcast", r"shape", r"\(N, ?1\)", r"squeeze")
CUT = (
    r"detach",
    r"no_grad",
    r"no gradient",
    r"\bcut\b",
    r"gradients?\b.*\b(zero|none)",
    r"never (learns?|changes?|moves?)",
    r"argmax",
)
RANGE = (
    r"tanh",
    r"relu",
    r"sigmoid",
    r"range",
    r"cannot reach",
    r"bounded",
    r"held (by|at|between)",
    r"clamp",
    r"limit",
)
UNUSED = (r"unused", r"used by nobody", r"no gradient", r"never used", r"does not (use|enter)", r"gets? no")
FROZEN = (r"frozen", r"requires_grad", r"no gradient", r"never (learns?|changes?)")


@bug("lightning", "vit", "recurrent", cause=SOFTMAX)
def softmax_before_cross_entropy(task: Task, seed: int) -> Task:
    return with_outputs(task, lambda logits: logits.softmax(dim=-1))


@bug("mapping", cause=SOFTMAX)
def softmax_in_the_head_of_a_mapping(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, labels: F.cross_entropy(out.logits.softmax(-1), labels))


@bug("digits-rare", "multi-label", "several-inputs", cause=SIGMOID)
def sigmoid_before_a_loss_of_logits(task: Task, seed: int) -> Task:
    return with_outputs(task, torch.sigmoid)


@bug(
    "digits",
    "vit",
    cause=(r"log_?softmax", r"log-?prob", r"NLL", r"negative loss", r"below (zero|the floor|0)", r"logits?"),
)
def log_softmax_forgotten(task: Task, seed: int) -> Task:
    return replace(task, loss=nn.NLLLoss())


@bug("lightning", cause=(r"NLL", r"log(arithm)?", r"softmax", r"probabilit"))
def softmax_for_log_softmax(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: F.nll_loss(out.softmax(-1), y))


@bug("lightning", cause=(r"relu", r"negative", r"range", r"held (at|by|between)", r"cannot reach"))
def relu_on_the_logits(task: Task, seed: int) -> Task:
    return with_outputs(task, torch.relu)


@bug("diabetes", "forecast", cause=RANGE)
def tanh_on_a_number(task: Task, seed: int) -> Task:
    return with_outputs(task, torch.tanh)


@bug("friedman", cause=RANGE)
def sigmoid_on_a_number(task: Task, seed: int) -> Task:
    return with_outputs(task, torch.sigmoid)


@bug("friedman", "forecast", cause=BROADCAST)
def targets_without_their_last_axis(task: Task, seed: int) -> Task:
    return with_both(task, lambda x, y: (x, y.squeeze(1)))


@bug("diabetes", cause=BROADCAST)
def outputs_without_their_last_axis(task: Task, seed: int) -> Task:
    return with_outputs(task, lambda out: out.squeeze(1))


@bug(
    "lightning",
    cause=(
        r"optimi[sz]er",
        r"ModuleList",
        r"not in the model",
        r"registered",
        r"never (learns?|changes?)",
        r"parameters?",
    ),
)
def layers_in_a_python_list(task: Task, seed: int) -> Task:
    class Lit(lightning.LitDigits):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [nn.Linear(48, 48), nn.Linear(48, 48)]

        def forward(self, x: Tensor) -> Tensor:
            x = self.body(x)
            for layer in self.hidden:
                x = torch.relu(layer(x))
            return self.head(x)

    return replace(task, model=Lit)


OPTIMIZER = (r"optimi[sz]er",)


@bug("script", "vit", cause=OPTIMIZER)
def optimizer_of_another_instance(task: Task, seed: int) -> Task:
    """The model was made anew after the optimizer: `model = Net()` stands twice in the script."""
    first = task.model()
    return replace(task, optimizer=lambda model: torch.optim.Adam(first.parameters(), lr=1e-3))


@bug("lightning", cause=OPTIMIZER)
def head_replaced_after_the_optimizer(task: Task, seed: int) -> Task:
    def optimizer(model: Any) -> torch.optim.Optimizer:
        made = torch.optim.AdamW(model.parameters(), lr=1e-3)
        model.head = nn.Linear(48, 10)
        return made

    return replace(task, optimizer=optimizer)


@bug("vit", cause=OPTIMIZER)
def optimizer_of_the_blocks_alone(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: torch.optim.AdamW(model.blocks.parameters(), lr=1e-3))  # pyright: ignore


@bug("two-optimizers", cause=OPTIMIZER)
def second_optimizer_forgotten(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda net: torch.optim.Adam(net["encoder"].parameters(), lr=1e-3))  # pyright: ignore


@bug("digits", "friedman", cause=CUT)
def detached_in_the_middle(task: Task, seed: int) -> Task:
    return halfway(task, 2, lambda x: x.detach())


@bug("two-optimizers", "lightning", cause=(*CUT, *FROZEN))
def encoder_under_no_grad(task: Task, seed: int) -> Task:
    def forward(net: Any, x: Tensor) -> Tensor:
        body, head = (net.body, net.head) if hasattr(net, "body") else (net["encoder"], net["head"])
        with torch.no_grad():
            features = body(x)
        return head(features)

    return replace(task, forward=forward)


@bug("recurrent", cause=CUT)
def states_through_numpy(task: Task, seed: int) -> Task:
    def forward(net: Any, series: Tensor) -> Tensor:
        states, _ = net.lstm(series)
        return net.head(torch.tensor(states.mean(1).detach().numpy()))

    return replace(task, forward=forward)


@bug("vit", "two-optimizers", cause=FROZEN)
def frozen_by_accident(task: Task, seed: int) -> Task:
    def freeze(model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("head" in name)

    return with_model(task, freeze)


@bug("diabetes", "friedman", cause=(r"clamp", r"clip", r"constant loss", r"gradient.*zero", r"flat", *CUT))
def loss_clamped(task: Task, seed: int) -> Task:
    """Against explosions at the start, and so against every gradient there."""
    limit = 0.5 if task.optimizer else 1000.0
    return replace(task, loss=lambda out, y: F.mse_loss(out, y).clamp(max=limit))


@bug("digits", cause=(r"clamp", r"clip", r"bounded", r"floor", r"gradient.*zero", r"flat", r"minimum"))
def loss_clamped_from_below(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: F.cross_entropy(out, y).clamp(min=1.0))


@bug("digits", cause=CUT)
def argmax_in_the_middle(task: Task, seed: int) -> Task:
    return halfway(task, 4, lambda x: F.one_hot(x.argmax(-1), x.shape[-1]).float())


@bug("digits-rare", cause=(*CUT, r"round", r"threshold", r"sign"))
def outputs_rounded_before_the_loss(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: F.binary_cross_entropy(out.sigmoid().round(), y))


@bug("lightning", "forecast", cause=UNUSED)
def a_layer_used_by_nobody(task: Task, seed: int) -> Task:
    def add(model: nn.Module) -> None:
        model.skip = nn.Linear(64, 64)  # pyright: ignore

    return with_model(task, add)


@bug("vit", cause=UNUSED)
def the_second_block_called_twice(task: Task, seed: int) -> Task:
    class Twice(vit.ViT):
        def forward(self, pictures: Tensor) -> Tensor:
            x = self.embed(pictures)
            for _ in self.blocks:
                x = self.blocks[1](x)
            return self.head(self.norm(x)[:, 0])

    return replace(task, model=Twice)


@bug("two-optimizers", "digits", cause=(r"scal", r"tiny", r"too small", r"almost zero", r"multipl", r"vanish"))
def loss_times_almost_zero(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: 1e-12 * F.cross_entropy(out, y))


@bug("vit", "multi-label", cause=(r"sign", r"negat", r"minimi[sz]", r"maximi[sz]"))
def the_sign_of_the_loss(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: -task.loss(out, y))


@bug("script", "forecast", cause=(r"reduction", r"\bsum\b", r"summed"))
def summed_over_the_batch(task: Task, seed: int) -> Task:
    sums = {"script": nn.CrossEntropyLoss(reduction="sum"), "forecast": nn.MSELoss(reduction="sum")}
    return replace(task, loss=sums["forecast" if task.kind == "regression" else "script"])


@bug("digits", "vit", cause=(r"inputs?\b.*(ignored|destroyed|lost)", r"overwrit", r"before they reach"))
def inputs_overwritten(task: Task, seed: int) -> Task:
    """A line from debugging: x = torch.zeros_like(x)."""
    return replace(task, forward=lambda model, x: model(torch.zeros_like(x)))


@bug("several-inputs", cause=(r"ignor", r"unused", r"never used", r"\beye\b.*(zero|\b0\b)"))
def one_of_the_inputs_never_used(task: Task, seed: int) -> Task:
    return replace(task, forward=lambda model, pair: model(pair[0] * 0, pair[1]))  # pyright: ignore


@bug("digits", "lightning", cause=(r"linear", r"activation", r"non-?linear", r"capacity", r"no more than one layer"))
def no_activation_between_layers(task: Task, seed: int) -> Task:
    def change(model: Any) -> nn.Module | None:
        linear = nn.Sequential(nn.Linear(64, 48), nn.Linear(48, 48))
        if not hasattr(model, "body"):
            return nn.Sequential(*linear, nn.Linear(48, 10))
        model.body = linear
        return None

    return with_model(task, change)


@bug("vit", cause=(r"more (outputs|logits|classes)", r"1,?000", r"990", r"never occur"))
def a_thousand_outputs_for_ten_classes(task: Task, seed: int) -> Task:
    def head(model: Any) -> None:
        model.head = nn.Linear(32, 1000)

    return with_model(task, head)


@bug("digits-conv", cause=(r"capacity", r"too small", r"bottleneck", r"\blost\b", r"narrow"))
def a_bottleneck_of_one_unit(task: Task, seed: int) -> Task:
    return replace(
        task,
        model=lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(64, 1), nn.ReLU(), nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 10)
        ),
    )


@bug("two-optimizers", cause=(*CUT, r"item\(\)", r"float\(", r"graph"))
def loss_made_anew_from_its_number(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: torch.tensor(F.cross_entropy(out, y).item(), requires_grad=True))


@bug("lightning", cause=(r"dropout", r"random", r"eval(uation)? mode", r"never off"))
def functional_dropout_that_is_never_off(task: Task, seed: int) -> Task:
    return with_model(task, lambda model: Then(model, lambda out: F.dropout(out, 0.3)))
