"""Programs that learn to draw samples, and three of them that draw other ones than they should."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from sklearn.datasets import make_moons
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_healthy import digits_in_two


def moons(n: int, seed: int) -> Tensor:
    return torch.tensor(make_moons(n, noise=0.06, random_state=seed)[0], dtype=torch.float32) - torch.tensor(
        [0.5, 0.25]
    )


def energy_distance(a: Tensor, b: Tensor) -> float:
    """Nothing where two clouds of points come from one distribution."""
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def silu_net(given: int, wanted: int, width: int = 96) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(given, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, wanted)
    )


@program()
def velocities_between_noise_and_moons(path: Path, seed: int) -> None:
    """Flow matching: most of the loss is the spread of the answers, which nobody can learn."""
    data = moons(4000, seed)
    field = silu_net(3, 2)
    opt = torch.optim.Adam(field.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(field, opt, run)
        for it in range(1, 801):
            x1 = data[torch.randint(4000, (256,))]
            x0, t = torch.randn_like(x1), torch.rand(256, 1)
            loss = F.mse_loss(field(torch.cat([t * x1 + (1 - t) * x0, t], 1)), x1 - x0)
            opt.zero_grad()
            loss.backward()
            opt.step()
            if it % 5 == 0:
                run.log({"cfm_loss": loss.item()}, step=it)
            if it % 200 == 0:
                with torch.no_grad():
                    z = torch.randn(500, 2)
                    for k in range(25):
                        z = z + field(torch.cat([z, torch.full((500, 1), k / 25)], 1)) / 25
                run.log({"samples/energy_distance": energy_distance(z, data[:500])}, step=it)


class Coder(nn.Module):
    """A variational autoencoder of digits."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 2 * k))
        self.dec = nn.Sequential(nn.Linear(k, 96), nn.ReLU(), nn.Linear(96, 64))


@program()
def bits_that_are_free_up_to_a_quarter_for_each_direction(path: Path, seed: int) -> None:
    x, _, vx, _ = digits_in_two(seed)
    vae = Coder(8)
    opt = torch.optim.AdamW(vae.parameters(), lr=2e-3)

    def elbo(batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = vae.enc(batch).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        nats = F.binary_cross_entropy_with_logits(vae.dec(z), batch, reduction="none").sum(1).mean()
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean(0)
        return nats, kl.sum(), kl.clamp(min=0.25).sum()

    with nntui.init(path, total_steps=1000, config={"free_bits": 0.25}) as run:
        nntui.watch(vae, opt, run)
        for step in range(1000):
            nats, kl, paid = elbo(x[torch.randint(1400, (64,))])
            opt.zero_grad()
            (nats + paid).backward()
            opt.step()
            if step % 10 == 0:
                run.log({"train/nll": nats.item(), "train/kl": kl.item(), "train/kl_paid": paid.item()}, step=step)
            if step % 200 == 199:
                with torch.no_grad():
                    nats, kl, _ = elbo(vx)
                run.log({"val/nelbo": (nats + kl).item(), "val/kl": kl.item()}, step=step)


@program()
def critic_with_a_penalty_on_real_examples(path: Path, seed: int) -> None:
    """R1; neither of the two losses says how good the samples are."""
    data = moons(4000, seed)
    gen, dis = silu_net(4, 2, 64), silu_net(2, 1, 64)
    g_opt = torch.optim.Adam(gen.parameters(), lr=8e-4, betas=(0.0, 0.99))
    d_opt = torch.optim.Adam(dis.parameters(), lr=8e-4, betas=(0.0, 0.99))
    both = nn.ModuleDict({"gen": gen, "dis": dis})
    with nntui.init(path, total_steps=900) as run:
        nntui.watch(both, [g_opt, d_opt], run, declared=("adversarial",))
        for step in range(900):
            real = data[torch.randint(4000, (128,))].requires_grad_()
            score = dis(real)
            (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)
            r1 = slope.square().sum(1).mean()
            d_loss = F.softplus(-score).mean() + F.softplus(dis(gen(torch.randn(128, 4)).detach())).mean()
            d_opt.zero_grad()
            (d_loss + 0.1 * r1).backward()
            d_opt.step()
            g_loss = F.softplus(-dis(gen(torch.randn(128, 4)))).mean()
            g_opt.zero_grad()
            g_loss.backward()
            g_opt.step()
            run.log({"loss/D": d_loss.item(), "loss/G": g_loss.item(), "loss/r1": r1.item()}, step=step)
            if step % 150 == 149:
                with torch.no_grad():
                    distance = energy_distance(gen(torch.randn(500, 4)), data[:500])
                run.log({"eval/energy_distance": distance}, step=step)


@program()
def sixteen_letters_that_harden_while_they_are_learned(path: Path, seed: int) -> None:
    """Gumbel-softmax whose temperature falls: the reconstruction gets harder as the letters do."""
    x, _, vx, _ = digits_in_two(seed)
    enc, dec = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 128)), nn.Linear(128, 64)
    opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=3e-3)
    tau = 2.0
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(nn.Sequential(enc, dec), opt, run, declared=("reconstruction",))
        for step in range(1000):
            batch = x[torch.randint(1400, (64,))]
            letters = F.gumbel_softmax(enc(batch).view(-1, 8, 16), tau=tau)
            loss = F.mse_loss(dec(letters.flatten(1)), batch)
            opt.zero_grad()
            loss.backward()
            opt.step()
            tau = max(0.3, tau * 0.997)
            run.log({"mse": loss.item(), "tau": tau}, step=step)
            if step % 100 == 99:
                with torch.no_grad():
                    hard = F.one_hot(enc(vx).view(-1, 8, 16).argmax(2), 16).float()
                    run.log({"val_mse_hard": F.mse_loss(dec(hard.flatten(1)), vx).item()}, step=step)


@program("live.divergence")
def penalty_of_the_critic_has_no_graph(path: Path, seed: int) -> None:
    """The slope is measured, and logged, and nothing pulls at it."""
    data = moons(4000, seed)
    gen, critic = silu_net(4, 2, 64), silu_net(2, 1, 64)
    g_opt = torch.optim.Adam(gen.parameters(), lr=5e-4, betas=(0.0, 0.9))
    c_opt = torch.optim.Adam(critic.parameters(), lr=3e-3, betas=(0.0, 0.9))
    with nntui.init(path, total_steps=400) as run:
        nntui.watch(gen, g_opt, run, declared=("adversarial",))
        for step in range(400):
            for _ in range(4):
                real, fake = data[torch.randint(4000, (128,))], gen(torch.randn(128, 4)).detach()
                share = torch.rand(128, 1)
                between = (share * real + (1 - share) * fake).requires_grad_()
                (slope,) = torch.autograd.grad(critic(between).sum(), between)
                penalty = (slope.norm(dim=1) - 1).square().mean()
                c_loss = critic(fake).mean() - critic(real).mean() + penalty
                c_opt.zero_grad()
                c_loss.backward()
                c_opt.step()
            g_loss = -critic(gen(torch.randn(128, 4))).mean()
            g_opt.zero_grad()
            g_loss.backward()
            g_opt.step()
            run.log({"critic_loss": c_loss.item(), "penalty": penalty.item(), "gen_loss": g_loss.item()}, step=step)
            if step % 100 == 99:
                with torch.no_grad():
                    run.log({"energy_distance": energy_distance(gen(torch.randn(500, 4)), data[:500])}, step=step)


@program("live.collapse", "live.underfitting", "live.gradients")
def latents_drawn_by_sample_and_not_by_rsample(path: Path, seed: int) -> None:
    """No gradient passes the draw: the encoder follows the prior alone, and the decoder draws the mean digit."""
    x, _, vx, _ = digits_in_two(seed)
    vae = Coder(6)
    opt = torch.optim.Adam(vae.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=60 * 14, steps_per_epoch=14) as run:
        nntui.watch(vae, opt, run, declared=("reconstruction",))
        step = 0
        for epoch in range(60):
            for idx in torch.randperm(1400).split(100):
                mu, logvar = vae.enc(x[idx]).chunk(2, 1)
                z = Normal(mu, (0.5 * logvar).exp()).sample()
                recon = F.mse_loss(vae.dec(z), x[idx], reduction="sum") / len(idx)
                kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
                opt.zero_grad()
                (recon + 0.1 * kl).backward()
                opt.step()
                step += 1
                run.log({"train/recon": recon.item(), "train/kl": kl.item()}, step=step)
            if epoch % 6 == 5:
                with torch.no_grad():
                    out = vae.dec(vae.enc(vx)[:, :6])
                run.log({"val/recon": F.mse_loss(out, vx, reduction="sum").item() / len(vx)}, step=step)
                run.predictions(out[:24], targets=vx[:24] if epoch == 5 else None, step=step)


@program("live.contradiction")
def noise_taken_away_by_another_schedule_than_it_was_added(path: Path, seed: int) -> None:
    """A cosine in the training; the sampler of an older repository has a straight line."""
    angle, n = torch.randint(6, (4000, 1)) * math.pi / 3, 50
    data = 1.5 * torch.cat([angle.cos(), angle.sin()], 1) + 0.1 * torch.randn(4000, 2)
    cosine = torch.cos(torch.linspace(0, 1, n + 1) * math.pi / 2 * 0.98).square()[1:]
    line = (1 - torch.linspace(1e-4, 0.02, n)).cumprod(0)
    net = silu_net(3, 2)
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(net, opt, run)
        for step in range(1000):
            x, t = data[torch.randint(4000, (256,))], torch.randint(n, (256,))
            a, eps = cosine[t, None], torch.randn(256, 2)
            said = net(torch.cat([a.sqrt() * x + (1 - a).sqrt() * eps, t[:, None] / n], 1))
            loss = F.mse_loss(said, eps)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 200 == 199:
                a, z = line, torch.randn(400, 2)
                with torch.no_grad():
                    for k in range(n - 1, -1, -1):
                        eps = net(torch.cat([z, torch.full((400, 1), k / n)], 1))
                        clean = (z - (1 - a[k]).sqrt() * eps) / a[k].sqrt()
                        z = a[k - 1].sqrt() * clean + (1 - a[k - 1]).sqrt() * eps if k else clean
                near = torch.cdist(z, data).min(1).values < 0.1
                run.log({"sample/precision": near.float().mean().item()}, step=step)
