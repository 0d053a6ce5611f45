#!/usr/bin/env python3
"""Makes mlp.safetensors: the encoder mlp (4 linear layers of 256, each with layer norm (eps 1e-6), ReLU after the
first three) and its gradients, in double.

The loss is the sum of embeddings * direction. Contents (f32, computed in double from the f32 inputs and rounded; of
the largest, the first rows only, which test_mlp.c knows):
  rows (6, 5), direction (6, 256), embeddings (6, 256)
  gradient.encoder.layers.I.linear.bias, gradient.encoder.layers.I.norm.weight, .bias   (256), I = 0..3
  gradient.encoder.layers.0.linear.weight (256, 5)
The weights are not stored: weight I is 0.5 sin(0.37 k + I) / sqrt(inputs / 4) for its k-th number, every bias
0.1 cos(k + I), every gain 1 + 0.1 sin(k), computed in double and rounded to f32.
"""

import os

import numpy as np
import torch
import torch.nn.functional as F

import golden_file

ROWS, COLUMNS, WIDTH, LAYERS = 6, 5, 256, 4


def make_parameters():
    p = {}
    for i in range(LAYERS):
        inputs = COLUMNS if i == 0 else WIDTH
        k = np.arange(WIDTH * inputs, dtype=np.float64)
        j = np.arange(WIDTH, dtype=np.float64)
        name = f"encoder.layers.{i}."
        p[name + "linear.weight"] = (0.5 * np.sin(0.37 * k + i) / np.sqrt(inputs / 4)).reshape(WIDTH, inputs)
        p[name + "linear.bias"] = 0.1 * np.cos(j + i)
        p[name + "norm.weight"] = 1 + 0.1 * np.sin(j)
        p[name + "norm.bias"] = 0.1 * np.cos(j + i)
    return {n: torch.from_numpy(a.astype(np.float32)).double().requires_grad_() for n, a in p.items()}


def main():
    torch.manual_seed(20261124)
    torch.set_num_threads(1)
    rows, direction = torch.randn(ROWS, COLUMNS), torch.randn(ROWS, WIDTH)
    p = make_parameters()
    x = rows.double()
    for i in range(LAYERS):
        name = f"encoder.layers.{i}."
        x = F.linear(x, p[name + "linear.weight"], p[name + "linear.bias"])
        x = F.layer_norm(x, (WIDTH,), p[name + "norm.weight"], p[name + "norm.bias"], eps=1e-6)
        x = x.relu() if i + 1 < LAYERS else x
    (x * direction.double()).sum().backward()
    tensors = {"rows": rows.numpy(), "direction": direction.numpy(), "embeddings": x.detach().float().numpy()}
    for name, t in p.items():
        if t.ndim == 1 or t.shape[1] == COLUMNS:
            tensors["gradient." + name] = t.grad.float().numpy()
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mlp.safetensors"), tensors)


if __name__ == "__main__":
    main()
