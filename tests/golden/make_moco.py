#!/usr/bin/env python3
"""Makes moco.safetensors: ten steps of momentum contrast (He et al. 2020, algorithm 1) with a small encoder, in double.

Encoder: a linear layer 12-10 with bias, ReLU. Projector: linear layers 10-8-5 without bias, each followed by batch norm
(eps 1e-5, biased variance of the batch; the last has no bias), ReLU after the first. Batch 6, a queue of 16 rows, which
is no multiple of the batch; temperature 0.2; SGD with momentum 0.9, learning rate 0.05, no decay. A step in the order of
facebookresearch/moco: the key encoder follows first (momentum 0.9 to 0.99 along half a cosine over the ten steps), then
keys without gradient, logits against the queue as it is, the update, and last the keys into the queue.

Contents (f32, computed in double from the f32 inputs and rounded; loss f64):
  initial.NAME, final.NAME, final.momentum.NAME   parameters: encoder.weight, encoder.bias, projector.I.weight,
                                                  projector.I.norm.weight (I = 0, 1), projector.0.norm.bias
  queries, keys (10, 6, 12)                       views of each step
  initial.queue, final.queue (16, 5)
  loss (10)
"""

import math
import os

import numpy as np
import torch
import torch.nn.functional as F

import golden_file

STEPS, BATCH, QUEUE, TEMPERATURE, LR = 10, 6, 16, 0.2, 0.05
PIXELS, WIDTH, HIDDEN, OUT = 12, 10, 8, 5
FIRST_MOMENTUM, LAST_MOMENTUM = 0.9, 0.99


def make_inputs():
    """Gains and biases are not at their usual first values, so that each matters."""
    parameters = {
        "encoder.weight": torch.randn(WIDTH, PIXELS) / PIXELS**0.5,
        "encoder.bias": 0.3 * torch.randn(WIDTH),
        "projector.0.weight": torch.randn(HIDDEN, WIDTH) / WIDTH**0.5,
        "projector.0.norm.weight": 1 + 0.2 * torch.randn(HIDDEN),
        "projector.0.norm.bias": 0.2 * torch.randn(HIDDEN),
        "projector.1.weight": torch.randn(OUT, HIDDEN) / HIDDEN**0.5,
        "projector.1.norm.weight": 1 + 0.2 * torch.randn(OUT),
    }
    example = torch.randn(STEPS, BATCH, PIXELS)
    queries, keys = (example + 0.5 * torch.randn_like(example) for _ in range(2))
    return parameters, queries, keys, F.normalize(torch.randn(QUEUE, OUT), dim=1)


def embed(p, views):
    x = F.linear(views, p["encoder.weight"], p["encoder.bias"]).relu()
    x = F.linear(x, p["projector.0.weight"])
    x = F.batch_norm(x, None, None, p["projector.0.norm.weight"], p["projector.0.norm.bias"], training=True, eps=1e-5)
    x = F.linear(x.relu(), p["projector.1.weight"])
    x = F.batch_norm(x, None, None, p["projector.1.norm.weight"], None, training=True, eps=1e-5)
    return F.normalize(x, dim=1)


def momentum_at(step):
    return LAST_MOMENTUM - (LAST_MOMENTUM - FIRST_MOMENTUM) * 0.5 * (1 + math.cos(math.pi * step / STEPS))


def main():
    torch.manual_seed(20240511)
    torch.set_num_threads(1)
    parameters, queries, keys, queue = make_inputs()
    tensors = {f"initial.{name}": t.numpy() for name, t in parameters.items()}
    tensors.update({"queries": queries.numpy(), "keys": keys.numpy(), "initial.queue": queue.numpy().copy()})
    p = {name: t.double().requires_grad_() for name, t in parameters.items()}
    slow = {name: t.double() for name, t in parameters.items()}
    queue, pointer, losses = queue.double(), 0, []
    optimizer = torch.optim.SGD(p.values(), lr=LR, momentum=0.9)
    for step in range(STEPS):
        m = momentum_at(step)
        with torch.no_grad():
            for name in slow:
                slow[name] = slow[name] * m + p[name] * (1 - m)
            k = embed(slow, keys[step].double())
        q = embed(p, queries[step].double())
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.clone().t()], dim=1) / TEMPERATURE
        loss = F.cross_entropy(logits, torch.zeros(BATCH, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for row in range(BATCH):
            queue[(pointer + row) % QUEUE] = k[row]
        pointer = (pointer + BATCH) % QUEUE
        losses.append(loss.item())
    print("loss", " ".join(f"{x:.6f}" for x in losses))
    tensors.update({f"final.{name}": t.detach().float().numpy() for name, t in p.items()})
    tensors.update({f"final.momentum.{name}": t.float().numpy() for name, t in slow.items()})
    tensors["final.queue"] = queue.float().numpy()
    tensors["loss"] = np.array(losses)
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "moco.safetensors"), tensors)


if __name__ == "__main__":
    main()
