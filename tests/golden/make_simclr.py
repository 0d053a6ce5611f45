#!/usr/bin/env python3
"""Makes simclr.safetensors: projector and NT-Xent loss of SimCLR (Chen et al. 2020) and their gradients, in double.

Rows 2i and 2i + 1 of the embeddings are the two views of example i. The loss is the mean over all rows; temperature
0.2. Projector: three linear layers 32-32-32-16 without bias, each followed by batch norm (eps 1e-5, biased variance of
the batch); ReLU after the first two; the last batch norm has a weight and no bias.

Contents (f32, computed in double from the f32 inputs and rounded; loss f64):
  embeddings (24, 32), projector.I.weight, projector.I.norm.weight (I = 0, 1, 2), projector.I.norm.bias (I = 0, 1)
  projected (24, 16)             after the last batch norm, before the normalisation of length
  loss (1)
  gradient.NAME                  of the embeddings and of every parameter
"""

import os

import numpy as np
import torch
import torch.nn.functional as F

import golden_file

ROWS, WIDTHS, TEMPERATURE = 24, (32, 32, 32, 16), 0.2


def make_inputs():
    """Two views are alike but not equal; gains and biases are not at their initial values, so that each matters."""
    example = torch.randn(ROWS // 2, WIDTHS[0]).repeat_interleave(2, dim=0)
    inputs = {"embeddings": example + 0.7 * torch.randn(ROWS, WIDTHS[0])}
    for i, (width, out) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        inputs[f"projector.{i}.weight"] = torch.randn(out, width) / width**0.5
        inputs[f"projector.{i}.norm.weight"] = 1 + 0.2 * torch.randn(out)
        if i + 2 < len(WIDTHS):
            inputs[f"projector.{i}.norm.bias"] = 0.2 * torch.randn(out)
    return inputs


def project(p):
    x, last = p["embeddings"], len(WIDTHS) - 2
    for i in range(last + 1):
        x = F.linear(x, p[f"projector.{i}.weight"])
        gain, bias = p[f"projector.{i}.norm.weight"], p.get(f"projector.{i}.norm.bias")
        x = F.batch_norm(x, None, None, gain, bias, training=True, eps=1e-5)
        x = x.relu() if i < last else x
    return x


def nt_xent(x):
    z = F.normalize(x, dim=1)
    logits = (z @ z.t() / TEMPERATURE).masked_fill(torch.eye(ROWS, dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, torch.arange(ROWS) ^ 1)


def main():
    torch.manual_seed(20240302)
    torch.set_num_threads(1)
    inputs = make_inputs()
    p = {name: t.double().requires_grad_() for name, t in inputs.items()}
    projected = project(p)
    loss = nt_xent(projected)
    loss.backward()
    print(f"loss {loss.item():.6f}")
    tensors = {name: t.numpy() for name, t in inputs.items()}
    tensors.update({f"gradient.{name}": t.grad.float().numpy() for name, t in p.items()})
    tensors["projected"] = projected.detach().float().numpy()
    tensors["loss"] = np.array([loss.item()])
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "simclr.safetensors"), tensors)


if __name__ == "__main__":
    main()
