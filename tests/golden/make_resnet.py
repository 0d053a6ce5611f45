#!/usr/bin/env python3
"""Makes resnet.safetensors: a ResNet-10 of an eighth of the width, forward and backward, in double.

Layout and names as torchvision has them (basic blocks, one a stage), stem 3 x 3 stride 1 without max pool, batch norm
of the batch (eps 1e-5), mean over the places at the end. The loss is the sum of embeddings times `seed`.

Contents (f32, computed in double from the f32 inputs and rounded):
  pictures (6, 12, 12, 3), encoder.NAME, seed (6, 64)
  embeddings (6, 64), gradient.encoder.NAME
"""

import os

import torch
import torch.nn.functional as F

import golden_file

WIDTHS, PICTURES, SIDE = (8, 16, 32, 64), 6, 12


def add_filter(p, convolution, norm, outputs, inputs, kernel):
    p[f"encoder.{convolution}.weight"] = torch.randn(outputs, inputs, kernel, kernel) * (2 / (outputs * kernel**2)) ** 0.5
    p[f"encoder.{norm}.weight"] = 1 + 0.2 * torch.randn(outputs)
    p[f"encoder.{norm}.bias"] = 0.2 * torch.randn(outputs)


def make_parameters():
    p, inputs = {}, WIDTHS[0]
    add_filter(p, "conv1", "bn1", WIDTHS[0], 3, 3)
    for i, width in enumerate(WIDTHS):
        name = f"layer{i + 1}.0"
        add_filter(p, f"{name}.conv1", f"{name}.bn1", width, inputs, 3)
        add_filter(p, f"{name}.conv2", f"{name}.bn2", width, width, 3)
        if i:
            add_filter(p, f"{name}.downsample.0", f"{name}.downsample.1", width, inputs, 1)
        inputs = width
    return p


def filtered(p, x, convolution, norm, stride):
    wei = p[f"encoder.{convolution}.weight"]
    x = F.conv2d(x, wei, stride=stride, padding=wei.shape[2] // 2)
    return F.batch_norm(x, None, None, p[f"encoder.{norm}.weight"], p[f"encoder.{norm}.bias"], training=True, eps=1e-5)


def embed(p, pictures):
    x = filtered(p, pictures.permute(0, 3, 1, 2), "conv1", "bn1", 1).relu()
    for i in range(len(WIDTHS)):
        name, stride = f"layer{i + 1}.0", 2 if i else 1
        y = filtered(p, x, f"{name}.conv1", f"{name}.bn1", stride).relu()
        y = filtered(p, y, f"{name}.conv2", f"{name}.bn2", 1)
        x = (y + (filtered(p, x, f"{name}.downsample.0", f"{name}.downsample.1", stride) if i else x)).relu()
    return x.mean(dim=(2, 3))


def main():
    torch.manual_seed(20240611)
    torch.set_num_threads(1)
    pictures, seed, inputs = torch.randn(PICTURES, SIDE, SIDE, 3), torch.randn(PICTURES, WIDTHS[-1]), make_parameters()
    p = {name: t.double().requires_grad_() for name, t in inputs.items()}
    embeddings = embed(p, pictures.double())
    (embeddings * seed.double()).sum().backward()
    tensors = {name: t.numpy() for name, t in inputs.items()}
    tensors.update({f"gradient.{name}": t.grad.float().numpy() for name, t in p.items()})
    tensors.update({"pictures": pictures.numpy(), "seed": seed.numpy(), "embeddings": embeddings.detach().float().numpy()})
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "resnet.safetensors"), tensors)


if __name__ == "__main__":
    main()
