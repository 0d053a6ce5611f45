#!/usr/bin/env python3
"""Makes optimizers.safetensors: ten steps each of AdamW, SGD with momentum, and LARS on given gradients, in double.

AdamW and SGD are PyTorch's; LARS is written here after You et al. 2017 with PyTorch's momentum, as in the fine-tuning
code of the masked autoencoder (facebookresearch/mae, util/lars.py).
  adamw  betas (0.9, 0.95), eps 1e-8, decay 0.05 (p -= lr decay p, before the update), lr up to 1e-2
  sgd    momentum 0.9, decay 1e-4 (added to the gradient), v = m v + g, p -= lr v, lr up to 0.1
  lars   as sgd with decay 1e-2, but g is scaled by 0.001 |p| / |g + decay p| (1 where either norm is 0), lr up to 2
Parameters of one dimension have no decay in any of them, and no scaling in lars.

Contents; NAME is weight (6, 5), kernel (3, 2, 4), zero (4, 3) which starts at zero and has a zero gradient in the
first two steps, bias (6), or gain (5):
  initial.NAME               f32
  gradient.stepI.NAME        f32, I = 1..10; they differ in size by powers of ten from tensor to tensor
  OPTIMIZER.lr (10)          f64, warm-up over 3 steps (lr i/3), then half a cosine: lr of step I is OPTIMIZER.lr[I-1]
  OPTIMIZER.stepI.NAME       f32 (rounded from double), the parameter after step I
"""

import math
import os

import numpy as np
import torch

import golden_file

STEPS, WARMUP = 10, 3
SHAPES = {"weight": (6, 5), "kernel": (3, 2, 4), "zero": (4, 3), "bias": (6,), "gain": (5,)}
SCALES = {"weight": 1.0, "kernel": 0.01, "zero": 0.1, "bias": 10.0, "gain": 0.001}


class Lars:
    """p -= lr v with v = momentum v + rate (g + decay p)."""

    def __init__(self, groups, lr, momentum=0.9, rate=0.001):
        self.param_groups, self.momentum, self.rate = [dict(group, lr=lr) for group in groups], momentum, rate
        self.velocity = {p: torch.zeros_like(p) for group in groups for p in group["params"]}

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                g = p.grad + group["weight_decay"] * p
                if p.ndim > 1 and p.norm() > 0 and g.norm() > 0:
                    g = g * (self.rate * p.norm() / g.norm())
                self.velocity[p] = self.momentum * self.velocity[p] + g
                p -= group["lr"] * self.velocity[p]


OPTIMIZERS = {
    "adamw": (1e-2, 0.05, lambda groups: torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.95), eps=1e-8)),
    "sgd": (0.1, 1e-4, lambda groups: torch.optim.SGD(groups, lr=1.0, momentum=0.9)),
    "lars": (2.0, 1e-2, lambda groups: Lars(groups, lr=1.0)),
}


def schedule(peak):
    """The ten learning rates."""
    rates = [peak * (i + 1) / WARMUP for i in range(WARMUP)]
    rest = STEPS - WARMUP
    return rates + [peak * 0.5 * (1 + math.cos(math.pi * i / rest)) for i in range(rest)]


def run(name, initial, gradients):
    """The parameters after each step of one optimizer, as tensors to write."""
    peak, decay, make = OPTIMIZERS[name]
    parameters = {n: t.double().requires_grad_() for n, t in initial.items()}
    decayed = [p for p in parameters.values() if p.ndim > 1]
    plain = [p for p in parameters.values() if p.ndim == 1]
    optimizer = make([{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}])
    out = {f"{name}.lr": np.array(schedule(peak))}
    for step, lr in enumerate(schedule(peak)):
        for group in optimizer.param_groups:
            group["lr"] = lr
        for n, p in parameters.items():
            p.grad = gradients[step][n].double()
        optimizer.step()
        out.update({f"{name}.step{step + 1}.{n}": p.detach().float().numpy() for n, p in parameters.items()})
    return out


def main():
    torch.manual_seed(20240301)
    torch.set_num_threads(1)
    initial = {n: torch.randn(s) for n, s in SHAPES.items()}
    initial["zero"].zero_()
    gradients = [{n: torch.randn(s) * SCALES[n] for n, s in SHAPES.items()} for _ in range(STEPS)]
    for step in range(2):
        gradients[step]["zero"].zero_()
    tensors = {f"initial.{n}": t.numpy() for n, t in initial.items()}
    for step, given in enumerate(gradients):
        tensors.update({f"gradient.step{step + 1}.{n}": t.numpy() for n, t in given.items()})
    for name in OPTIMIZERS:
        tensors.update(run(name, initial, gradients))
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.safetensors"), tensors)


if __name__ == "__main__":
    main()
