#!/usr/bin/env python3
"""Makes denoise.safetensors and autoencode.safetensors: ten training steps of a small denoising autoencoder and of a
small autoencoder with a narrow middle, in PyTorch.

Everything random (parameters, images, damage) is drawn once, in f32, and is in the files. The steps run in f32, and
again in double to show the noise of f32, which is printed. Encoder, decoder blocks, steps: as in make_mae.py, with
batches of 4; all 16 patches are seen. The losses are means over all numbers of the pictures.

  denoise     encoder -> decoder.embed (32 to 16) -> positions -> decoder block, norm, pred; class token dropped
  autoencode  mean of the patch tokens -> code (32 to 6) -> decoder.unfold (6 to 16 tokens of 16) -> positions without
              class token -> decoder block, norm, pred

Contents (f32 unless said otherwise):
  NAME, gradient.NAME               parameters before the first step, and their gradients in it
  images (40, 16, 16, 3), damaged   normalised; 4 for each step; `damaged` in denoise only: noise, and a hole
  losses (10), gradient_norms (10) f64, losses.double, gradient_norms.double f64
  final (4, 16, 48) or (4, 6)       after ten steps: what is restored of damaged[0], or the codes of images[0]
"""

import os

import numpy as np
import torch

import golden_file
import make_mae as mae
from make_mae import STEPS, TOKENS, WIDTH, DECODER_WIDTH, PATCH_VALUES

BATCH, CODE = 4, 6
mae.BATCH = BATCH


def decoder_parameters():
    return {
        **mae.block_parameters("decoder.blocks.0", DECODER_WIDTH),
        **mae.norm_parameters("decoder.norm", DECODER_WIDTH),
        **mae.linear_parameters("decoder.pred", PATCH_VALUES, DECODER_WIDTH),
    }


def initial_parameters(name):
    p = {key: t for key, t in mae.initial_parameters().items() if key.startswith("encoder.")}
    if name == "denoise":
        p.update(mae.linear_parameters("decoder.embed", DECODER_WIDTH, WIDTH))
    else:
        p.update(mae.linear_parameters("code", CODE, WIDTH))
        p.update(mae.linear_parameters("decoder.unfold", TOKENS * DECODER_WIDTH, CODE))
    p.update(decoder_parameters())
    return p


def make_damage(images):
    damaged = images + 0.5 * torch.randn_like(images)
    damaged[:, :, 4:9, 2:8] = 0
    return damaged


def encode(p, pictures):
    """(B, 17, 32)"""
    keep = torch.arange(TOKENS).expand(len(pictures), -1)
    return mae.encode(p, pictures, keep, mae.sincos_positions(4, WIDTH).to(pictures.dtype))


def decode(p, x, class_row):
    positions = mae.sincos_positions(4, DECODER_WIDTH).to(x.dtype)
    if class_row:
        positions = torch.cat([torch.zeros(1, DECODER_WIDTH, dtype=x.dtype), positions])
    x = mae.block(p, "decoder.blocks.0", x + positions, mae.DECODER_HEADS)
    return mae.linear(p, "decoder.pred", mae.norm(p, "decoder.norm", x))[:, class_row:]


def denoise(p, damaged):
    return decode(p, mae.linear(p, "decoder.embed", encode(p, damaged)), 1)


def code(p, pictures):
    return mae.linear(p, "code", encode(p, pictures)[:, 1:].mean(dim=1))


def autoencode(p, pictures):
    tokens = mae.linear(p, "decoder.unfold", code(p, pictures)).reshape(-1, TOKENS, DECODER_WIDTH)
    return decode(p, tokens, 0)


def train(restore, final, initial, images, seen, dtype):
    p = {name: t.to(dtype).clone().requires_grad_() for name, t in initial.items()}
    images, seen = images.to(dtype), seen.to(dtype)
    decayed = [t for t in p.values() if t.dim() == 2]
    others = [t for t in p.values() if t.dim() != 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    losses, norms, first = [], [], None
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = ((restore(p, seen[step]) - mae.patchify(images[step])) ** 2).mean()
        loss.backward()
        gradients = {name: t.grad.detach().clone() for name, t in p.items()}
        first = first or gradients
        losses.append(loss.item())
        norms.append(sum((g.double() ** 2).sum() for g in gradients.values()).sqrt().item())
        optimizer.step()
    with torch.no_grad():
        return losses, norms, first, final(p, seen[0])


def make(name, restore, final):
    torch.manual_seed(20250301)
    initial, images = initial_parameters(name), mae.make_images()
    seen = make_damage(images) if name == "denoise" else images
    single = train(restore, final, initial, images, seen, torch.float32)
    double = train(restore, final, initial, images, seen, torch.float64)
    print(name)
    mae.print_noise(single, double)
    tensors = {key: t.numpy() for key, t in initial.items()}
    tensors.update({f"gradient.{key}": t.numpy() for key, t in single[2].items()})
    tensors.update(images=images.flatten(0, 1).numpy(), final=single[3].numpy())
    if name == "denoise":
        tensors.update(damaged=seen.flatten(0, 1).numpy())
    for suffix, run in ("", single), (".double", double):
        tensors[f"losses{suffix}"], tensors[f"gradient_norms{suffix}"] = np.array(run[0]), np.array(run[1])
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.safetensors"), tensors)


def main():
    torch.set_num_threads(1)
    make("denoise", denoise, denoise)
    make("autoencode", autoencode, code)


if __name__ == "__main__":
    main()
