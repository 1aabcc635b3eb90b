"""Generative models on digits and points in a plane, each a whole program as somebody might write it."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import torch
from sklearn.datasets import load_digits, make_moons
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import nntui

from .loop import program


def pictures() -> tuple[Tensor, Tensor]:
    """Digits between 0 and 1: those to train on, and the rest."""
    x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(3))]
    return x[:1500], x[1500:]


class Vae(nn.Module):
    def __init__(self, inside: int = 8) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2 * inside))
        self.decoder = nn.Sequential(nn.Linear(inside, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, logvar = self.encoder(x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (logvar / 2).exp()
        return self.decoder(z), mean, logvar


@program()
def vae_with_kl_warm_up(path: Path, seed: int) -> None:
    """The loss rises while the KL term comes in; the bound gets better all the same."""
    train, held_out = pictures()
    loader = DataLoader(
        TensorDataset(train), batch_size=100, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    model = Vae()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    epochs, step = 60, 0

    def terms(x: Tensor) -> tuple[Tensor, Tensor]:
        logits, mean, logvar = model(x)
        nll = functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
        kl = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1).mean()
        return nll, kl

    with nntui.init(path, config={"latent": 8}, total_steps=epochs * len(loader)) as run:
        nntui.watch(model, optimizer, run, declared=("reconstruction",))
        for epoch in range(epochs):
            beta = min(1.0, epoch / 30)
            model.train()
            for (x,) in loader:
                nll, kl = terms(x)
                loss = nll + beta * kl
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss, "nll": nll, "kl": kl, "beta": beta}, step=step)
                step += 1
            model.eval()
            with torch.no_grad():
                nll, kl = terms(held_out)
            run.log({"val/elbo": -(nll + kl)}, step=step - 1)


@program("live.collapse", "live.underfitting")
def vae_whose_kl_is_weighted_too_much(path: Path, seed: int) -> None:
    """The reconstruction is a mean over pixels, the KL term a sum over the code: every picture becomes the same."""
    train, held_out = pictures()
    generator = torch.Generator().manual_seed(seed)
    model = Vae(inside=10)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def losses(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, mean, logvar = model(x)
        reconstruction = functional.binary_cross_entropy_with_logits(logits, x)
        kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp(), dim=1).mean()
        return reconstruction, kl, logits.sigmoid()

    with nntui.init(path, total_steps=900) as run:
        nntui.watch(model, optimizer, run)
        run.predictions(losses(held_out[:24])[2], targets=held_out[:24], step=0)
        for step in range(900):
            batch = train[torch.randint(len(train), (64,), generator=generator)]
            reconstruction, kl, _ = losses(batch)
            loss = reconstruction + kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss, "train/reconstruction": reconstruction, "train/kl": kl}, step=step)
            if step % 50 == 49:
                model.eval()
                with torch.no_grad():
                    reconstruction, kl, said = losses(held_out)
                model.train()
                run.log({"val/loss": reconstruction + kl}, step=step)
                run.predictions(said[:24], step=step)


def perceptron(*sizes: int, last: nn.Module | None = None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1], *([] if last is None else [last]))


@program()
def gan_on_a_ring_of_gaussians(path: Path, seed: int) -> None:
    """Losses of the two players go up and down and say little; the modes that are covered do."""
    generator = torch.Generator().manual_seed(seed)
    angles = torch.arange(8) * (2 * math.pi / 8)
    centres = torch.stack([angles.cos(), angles.sin()], 1)
    g, d = perceptron(8, 96, 96, 2), perceptron(2, 96, 96, 1)
    opt_g = torch.optim.Adam(g.parameters(), lr=1e-3, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(d.parameters(), lr=1e-3, betas=(0.5, 0.999))
    one, zero = torch.ones(128, 1), torch.zeros(128, 1)
    bce = nn.BCEWithLogitsLoss()
    with nntui.init(path, total_steps=1500) as run:
        nntui.watch(nn.ModuleDict({"generator": g, "discriminator": d}), [opt_g, opt_d], run)
        for step in range(1500):
            chosen = torch.randint(8, (128,), generator=generator)
            real = centres[chosen] + 0.05 * torch.randn(128, 2, generator=generator)
            fake = g(torch.randn(128, 8, generator=generator))
            loss_d = bce(d(real), one) + bce(d(fake.detach()), zero)
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()
            loss_g = bce(d(fake), one)
            opt_g.zero_grad()
            loss_g.backward()
            opt_g.step()
            run.log({"loss/generator": loss_g.item(), "loss/discriminator": loss_d.item()}, step=step)
            if step % 100 == 99:
                with torch.no_grad():
                    made = g(torch.randn(1000, 8, generator=generator))
                distance, nearest = torch.cdist(made, centres).min(1)
                good = distance < 0.2
                run.log({"modes": len(nearest[good].unique()), "good_samples": good.float().mean().item()}, step=step)


@program("live.frozen", "live.gradients")
def gan_whose_fakes_are_detached_for_both(path: Path, seed: int) -> None:
    """The fakes are detached once, for the discriminator, and used again for the generator, which never moves."""
    train, _ = pictures()
    loader = DataLoader(TensorDataset(train * 2 - 1), batch_size=64, shuffle=True, drop_last=True)
    g, d = perceptron(16, 128, 128, 64, last=nn.Tanh()), perceptron(64, 128, 64, 1)
    opt_g, opt_d = (torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (g, d))
    step = 0
    with nntui.init(path, config={"seed": seed}, total_steps=35 * len(loader)) as run:
        nntui.watch(nn.ModuleDict({"g": g, "d": d}), [opt_g, opt_d], run)
        for _ in range(35):
            for (real,) in loader:
                fake = g(torch.randn(len(real), 16)).detach()
                opt_d.zero_grad()
                loss_d = functional.softplus(-d(real)).mean() + functional.softplus(d(fake)).mean()
                loss_d.backward()
                opt_d.step()

                opt_g.zero_grad()
                loss_g = functional.softplus(-d(fake)).mean()
                loss_g.backward()
                opt_g.step()
                run.log({"loss_d": loss_d.item(), "loss_g": loss_g.item()}, step=step)
                step += 1


@program("live.nonfinite")
def gan_with_logarithms_of_saturated_probabilities(path: Path, seed: int) -> None:
    """A sigmoid, then a logarithm: once the discriminator is sure, the logarithm is of zero."""
    train, _ = pictures()
    rng = torch.Generator().manual_seed(seed)
    netg, netd = perceptron(16, 64, 64, last=nn.Sigmoid()), perceptron(64, 256, 256, 1, last=nn.Sigmoid())
    optg = torch.optim.Adam(netg.parameters(), lr=2e-4)
    optd = torch.optim.Adam(netd.parameters(), lr=5e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(nn.ModuleDict({"netg": netg, "netd": netd}), [optg, optd], run)
        for step in range(500):
            real = train[torch.randint(len(train), (64,), generator=rng)]
            fake = netg(torch.randn(64, 16, generator=rng))
            errd = -(torch.log(netd(real)) + torch.log(1 - netd(fake.detach()))).mean()
            optd.zero_grad()
            errd.backward()
            optd.step()
            errg = -torch.log(netd(fake)).mean()
            optg.zero_grad()
            errg.backward()
            optg.step()
            run.log({"errD": errd.item(), "errG": errg.item()}, step=step)


@program()
def wgan_gp_with_five_critic_updates(path: Path, seed: int) -> None:
    """The critic's loss is negative and shrinks towards zero, which is what learning looks like here."""
    points = torch.tensor(make_moons(2000, noise=0.05, random_state=seed)[0], dtype=torch.float32)
    rng = torch.Generator().manual_seed(seed)
    generator, critic = perceptron(4, 64, 64, 2), perceptron(2, 64, 64, 1)
    opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.9))
    opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.9))

    def sample(n: int) -> Tensor:
        return points[torch.randint(len(points), (n,), generator=rng)]

    def penalty(real: Tensor, fake: Tensor) -> Tensor:
        share = torch.rand(len(real), 1, generator=rng)
        between = (share * real + (1 - share) * fake).requires_grad_()
        slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
        return (slope.norm(dim=1) - 1).square().mean()

    with nntui.init(path, total_steps=500) as run:
        nntui.watch(nn.ModuleDict({"generator": generator, "critic": critic}), [opt_g, opt_c], run)
        for step in range(500):
            for _ in range(5):
                real, fake = sample(128), generator(torch.randn(128, 4, generator=rng)).detach()
                distance = critic(real).mean() - critic(fake).mean()
                extra = penalty(real, fake)
                opt_c.zero_grad()
                (extra - distance).backward()
                opt_c.step()
            loss = -critic(generator(torch.randn(128, 4, generator=rng))).mean()
            opt_g.zero_grad()
            loss.backward()
            opt_g.step()
            found = {"critic/loss": extra - distance, "critic/distance": distance, "critic/penalty": extra}
            run.log({**found, "generator/loss": loss}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    nearest = torch.cdist(generator(torch.randn(500, 4, generator=rng)), points).min(1).values
                run.log({"eval/distance_to_data": nearest.mean()}, step=step)


class NoisePredictor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, 64), nn.SiLU(), nn.Linear(64, 192))
        self.inner, self.middle, self.outer = nn.Linear(64, 192), nn.Linear(192, 192), nn.Linear(192, 64)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angles = t[:, None] * torch.exp(torch.linspace(0, 4, 8))
        h = functional.silu(self.inner(x) + self.time(torch.cat([angles.sin(), angles.cos()], 1)))
        return self.outer(functional.silu(h + self.middle(h)))


@program()
def diffusion_on_digits(path: Path, seed: int) -> None:
    """Every update draws its own times and noises, so the loss is all noise with a floor far from zero."""
    train, held_out = (2 * part - 1 for part in pictures())
    rng = torch.Generator().manual_seed(seed)
    model = NoisePredictor()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss_of(x: Tensor) -> Tensor:
        t = torch.rand(len(x), generator=rng)
        noise = torch.randn(x.shape, generator=rng)
        signal = (t * math.pi / 2).cos()[:, None]
        noisy = signal * x + (1 - signal**2).sqrt() * noise
        return functional.mse_loss(model(noisy, t), noise)

    with nntui.init(path, total_steps=1500) as run:
        nntui.watch(model, optimizer, run)
        for step in range(1500):
            loss = loss_of(train[torch.randint(len(train), (32,), generator=rng)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss}, step=step)
            if (step + 1) % 100 == 0:
                model.eval()
                with torch.no_grad():
                    run.log({"val/loss": loss_of(held_out)}, step=step)
                model.train()


class Coupling(nn.Module):
    def __init__(self, flip: bool) -> None:
        super().__init__()
        self.flip, self.net = flip, nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, changed = (x[:, 1:], x[:, :1]) if self.flip else (x[:, :1], x[:, 1:])
        scale, shift = self.net(kept).chunk(2, 1)
        changed = changed * scale.tanh().exp() + shift
        both = (changed, kept) if self.flip else (kept, changed)
        return torch.cat(both, 1), scale.tanh().sum(1)


@program()
def normalising_flow_on_two_moons(path: Path, seed: int) -> None:
    """A short steep fall, a plateau, and slow progress to the end of a cosine."""
    points, _ = make_moons(3000, noise=0.06, random_state=seed)
    data = torch.tensor(points, dtype=torch.float32)
    data = (data - data.mean(0)) / data.std(0)
    train, test = data[:2500], data[2500:]
    flow = nn.ModuleList([Coupling(flip=bool(i % 2)) for i in range(8)])
    wrapped = nn.ModuleDict({"flow": flow})

    def nll(x: Tensor) -> Tensor:
        volume = torch.zeros(len(x))
        for layer in flow:
            x, more = layer(x)
            volume = volume + more
        return (0.5 * x.square().sum(1) + math.log(2 * math.pi) - volume).mean()

    optimizer = torch.optim.Adam(wrapped.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1200, eta_min=1e-4)
    rng = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=1200) as run:
        nntui.watch(flow, optimizer, run, scheduler=schedule)
        for step in range(1200):
            loss = nll(train[torch.randint(len(train), (128,), generator=rng)])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(wrapped.parameters(), 5.0)
            optimizer.step()
            run.log({"nll/train": loss.item(), "lr": schedule.get_last_lr()[0]}, step=step)
            schedule.step()
            if step % 60 == 59:
                with torch.no_grad():
                    run.log({"nll/test": nll(test).item()}, step=step)


@program("regularise.activations", "live.update_ratio", "live.collapse")
def autoencoder_killed_by_its_first_updates(path: Path, seed: int) -> None:
    """A rate of 0.1 with Adam: every hidden unit is dead after a few updates, and all pictures become their mean."""
    train, held_out = pictures()
    encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 16), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 64))
    autoencoder = nn.Sequential(encoder, decoder)
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=0.1)
    order = torch.Generator().manual_seed(seed)
    step = 0
    with nntui.init(path, config={"lr": 0.1}, total_steps=25 * 24) as run:
        nntui.watch(autoencoder, optimizer, run, declared=("reconstruction",))
        for epoch in range(25):
            for x in train[torch.randperm(len(train), generator=order)].split(64):
                loss = functional.mse_loss(autoencoder(x), x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/loss": loss}, step=step)
                step += 1
            autoencoder.eval()
            with torch.no_grad():
                seen = autoencoder(held_out)
            autoencoder.train()
            run.log({"val/loss": functional.mse_loss(seen, held_out), "epoch": epoch}, step=step - 1)
            run.predictions(seen[:16], targets=held_out[:16] if epoch == 0 else None, step=step - 1)
