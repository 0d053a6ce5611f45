#!/usr/bin/env python3
"""Makes dimension.safetensors: ten AdamW steps of Barlow Twins (Zbontar et al. 2021) and VICReg (Bardes et al. 2022).

Ten batches of embeddings are given; what is trained is the projector 16-24-24-20: three linear layers without bias, batch
norm (eps 1e-5, biased variance) and ReLU after the first two. As in the authors' programs the projector is applied to one
view after the other, so batch norms see each view alone; Barlow's own, without gain and bias, too. Rows 2i and 2i + 1 of
the embeddings are the two views of example i. AdamW: lr 1e-3, betas .9 and .95, decay .05 on matrices only.

Contents, M being "barlow" or "vicreg" (computed in double from the f32 inputs and rounded; losses f64):
  embeddings (10, 24, 16), projector.I.weight (I = 0, 1, 2), projector.I.norm.weight, projector.I.norm.bias (I = 0, 1)
  M.losses (10)
  M.gradient.NAME      of the first step: the embeddings and every parameter
  M.final.NAME         every parameter after the last step
"""

import os

import numpy as np
import torch
import torch.nn.functional as F

import golden_file

STEPS, ROWS, WIDTHS, LAMBDA = 10, 24, (16, 24, 24, 20), 0.0051


def make_inputs():
    example = torch.randn(STEPS, ROWS // 2, WIDTHS[0]).repeat_interleave(2, dim=1)
    parameters = {}
    for i, (width, out) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        parameters[f"projector.{i}.weight"] = torch.randn(out, width) / width**0.5
        if i + 2 < len(WIDTHS):
            parameters[f"projector.{i}.norm.weight"] = 1 + 0.2 * torch.randn(out)
            parameters[f"projector.{i}.norm.bias"] = 0.2 * torch.randn(out)
    return example + 0.7 * torch.randn(STEPS, ROWS, WIDTHS[0]), parameters


def project(p, x):
    last = len(WIDTHS) - 2
    for i in range(last):
        x = F.linear(x, p[f"projector.{i}.weight"])
        gain, bias = p[f"projector.{i}.norm.weight"], p[f"projector.{i}.norm.bias"]
        x = F.batch_norm(x, None, None, gain, bias, training=True, eps=1e-5).relu()
    return F.linear(x, p[f"projector.{last}.weight"])


def off_diagonal(c):
    return c[~torch.eye(len(c), dtype=torch.bool)]


def barlow(x, y):
    x, y = (F.batch_norm(z, None, None, training=True, eps=1e-5) for z in (x, y))
    c = x.t() @ y / len(x)
    return (c.diagonal() - 1).pow(2).sum() + LAMBDA * off_diagonal(c).pow(2).sum()


def vicreg(x, y):
    distance = F.mse_loss(x, y)
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    deviations = (torch.sqrt(z.var(dim=0) + 1e-4) for z in (x, y))
    spread = sum(F.relu(1 - s).mean() / 2 for s in deviations)
    together = sum(off_diagonal(z.t() @ z / (len(z) - 1)).pow(2).sum() / z.shape[1] for z in (x, y))
    return 25 * distance + 25 * spread + together


def train(loss_of, embeddings, parameters):
    p = {name: t.double().requires_grad_() for name, t in parameters.items()}
    groups = [{"params": [t for t in p.values() if t.ndim == 2], "weight_decay": 0.05},
              {"params": [t for t in p.values() if t.ndim == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    out, losses = {}, []
    for step in range(STEPS):
        x = embeddings[step].double().requires_grad_()
        optimizer.zero_grad()
        loss = loss_of(project(p, x[0::2]), project(p, x[1::2]))
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            out["gradient.embeddings"] = x.grad.float()
            out.update({f"gradient.{name}": t.grad.float() for name, t in p.items()})
        optimizer.step()
    out.update({f"final.{name}": t.detach().float() for name, t in p.items()})
    return out, losses


def main():
    torch.manual_seed(20240305)
    torch.set_num_threads(1)
    embeddings, parameters = make_inputs()
    tensors = {"embeddings": embeddings.numpy(), **{name: t.numpy() for name, t in parameters.items()}}
    for name, loss_of in (("barlow", barlow), ("vicreg", vicreg)):
        out, losses = train(loss_of, embeddings, parameters)
        tensors.update({f"{name}.{key}": t.numpy() for key, t in out.items()})
        tensors[f"{name}.losses"] = np.array(losses)
        print(name, *(f"{loss:.6f}" for loss in losses))
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "dimension.safetensors"), tensors)


if __name__ == "__main__":
    main()
