#!/usr/bin/env python3
"""Makes mae.safetensors: ten training steps of a small masked autoencoder in PyTorch (He et al. 2022).

Everything random (parameters, images, masks) is drawn once, in f32, and is in the file; so any implementation can
repeat the steps. The steps run in f32, and again in double to show the noise of f32, which is printed.

Model: images 16x16x3, patch 4 (16 tokens); encoder 32 wide, 2 blocks, 4 heads; decoder 16 wide, 1 block, 1 head;
layer norm eps 1e-6, exact GELU; unbiased variance in the target; class token at position zero.
Steps: batch 8, 4 of 16 patches kept, AdamW lr 1e-3, betas (0.9, 0.95), eps 1e-8, decay 0.05 only on parameters of
two dimensions, no clipping, constant lr.

Contents (f32 unless said otherwise); L = encoder or decoder, I = 0, 1 or 0:
  encoder.patch_embed.weight (32, 48) .bias, encoder.cls_token (32), decoder.embed.weight (16, 32) .bias,
  decoder.mask_token (16), L.blocks.I.{norm1,attn.qkv,attn.proj,norm2,mlp.fc1,mlp.fc2}.{weight,bias},
  L.norm.{weight,bias}, decoder.pred.weight (48, 16) .bias       parameters before the first step
  gradient.NAME                     gradient of each parameter in the first step
  positions.encoder (16, 32), positions.decoder (17, 16)         fixed; row zero of the decoder's is the class token
  images (80, 16, 16, 3)            already normalised; 8 for each step
  keep (10, 8, 4), removed (10, 8, 12) i32                       token numbers, each list in increasing order
  losses (10), gradient_norms (10) f64                           of the f32 run, before each update
  losses.double (10), gradient_norms.double (10) f64             of the run in double
  final.embeddings (8, 32)          after ten steps: mean of the patch tokens of images[0], nothing removed
"""

import os

import numpy as np
import torch
import torch.nn.functional as F

import golden_file

STEPS, BATCH, SIZE, PATCH, CHANNELS, TOKENS, KEPT = 10, 8, 16, 4, 3, 16, 4
PATCH_VALUES = PATCH * PATCH * CHANNELS
WIDTH, DEPTH, HEADS = 32, 2, 4
DECODER_WIDTH, DECODER_DEPTH, DECODER_HEADS = 16, 1, 1


def xavier(rows, columns):
    bound = (6.0 / (rows + columns)) ** 0.5
    return (torch.rand(rows, columns) * 2 - 1) * bound


def linear_parameters(name, rows, columns):
    return {f"{name}.weight": xavier(rows, columns), f"{name}.bias": torch.zeros(rows)}


def norm_parameters(name, width):
    return {f"{name}.weight": torch.ones(width), f"{name}.bias": torch.zeros(width)}


def block_parameters(name, width):
    return {
        **norm_parameters(f"{name}.norm1", width),
        **linear_parameters(f"{name}.attn.qkv", 3 * width, width),
        **linear_parameters(f"{name}.attn.proj", width, width),
        **norm_parameters(f"{name}.norm2", width),
        **linear_parameters(f"{name}.mlp.fc1", 4 * width, width),
        **linear_parameters(f"{name}.mlp.fc2", width, 4 * width),
    }


def initial_parameters():
    p = linear_parameters("encoder.patch_embed", WIDTH, PATCH_VALUES)
    p["encoder.cls_token"] = torch.randn(WIDTH) * 0.02
    for i in range(DEPTH):
        p.update(block_parameters(f"encoder.blocks.{i}", WIDTH))
    p.update(norm_parameters("encoder.norm", WIDTH))
    p.update(linear_parameters("decoder.embed", DECODER_WIDTH, WIDTH))
    p["decoder.mask_token"] = torch.randn(DECODER_WIDTH) * 0.02
    for i in range(DECODER_DEPTH):
        p.update(block_parameters(f"decoder.blocks.{i}", DECODER_WIDTH))
    p.update(norm_parameters("decoder.norm", DECODER_WIDTH))
    p.update(linear_parameters("decoder.pred", PATCH_VALUES, DECODER_WIDTH))
    return p


def sincos_positions(side, width):
    """(side * side, width) in double: [sin, cos] of the column, then [sin, cos] of the row."""
    omega = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    tokens = torch.arange(side * side)
    column, row = (tokens % side).double()[:, None] * omega, (tokens // side).double()[:, None] * omega
    return torch.cat([column.sin(), column.cos(), row.sin(), row.cos()], dim=1)


def make_images():
    """Waves of random direction and colour, and noise: something to learn, and no patch is flat."""
    row, column = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    count = STEPS * BATCH
    direction, phase = torch.randn(2, count, 1, 1, 1) * 0.5, torch.rand(count, 1, 1, CHANNELS) * 6.28
    waves = torch.sin(direction[0] * row[None, :, :, None] + direction[1] * column[None, :, :, None] + phase)
    images = waves + 0.2 * torch.randn(count, SIZE, SIZE, CHANNELS)
    return images.reshape(STEPS, BATCH, SIZE, SIZE, CHANNELS)


def make_masks():
    order = torch.rand(STEPS, BATCH, TOKENS).argsort(dim=2)
    return order[..., :KEPT].sort(dim=2).values, order[..., KEPT:].sort(dim=2).values


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps=1e-6)


def attention(p, name, x, heads):
    B, T, D = x.shape
    q, k, v = linear(p, f"{name}.qkv", x).reshape(B, T, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1) / (D // heads) ** 0.5).softmax(dim=-1)
    return linear(p, f"{name}.proj", (weights @ v).transpose(1, 2).reshape(B, T, D))


def block(p, name, x, heads):
    x = x + attention(p, f"{name}.attn", norm(p, f"{name}.norm1", x), heads)
    hidden = F.gelu(linear(p, f"{name}.mlp.fc1", norm(p, f"{name}.norm2", x)))
    return x + linear(p, f"{name}.mlp.fc2", hidden)


def patchify(images):
    """(B, 16, 16, 3) -> (B, 16, 48); within a patch rows, then columns, then channels."""
    side = SIZE // PATCH
    x = images.reshape(-1, side, PATCH, side, PATCH, CHANNELS)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, TOKENS, PATCH_VALUES)


def gather_rows(x, index):
    return torch.gather(x, 1, index[..., None].expand(-1, -1, x.shape[-1]))


def encode(p, images, keep, positions):
    """(B, K + 1, 32): class token and kept tokens after the last norm."""
    x = gather_rows(linear(p, "encoder.patch_embed", patchify(images)) + positions, keep)
    x = torch.cat([p["encoder.cls_token"].expand(len(x), 1, -1), x], dim=1)
    for i in range(DEPTH):
        x = block(p, f"encoder.blocks.{i}", x, HEADS)
    return norm(p, "encoder.norm", x)


def decode(p, latent, keep, removed, positions):
    """(B, 16, 48): predicted patches. keep and removed, one after the other, undo the order of the tokens."""
    x = linear(p, "decoder.embed", latent)
    masks = p["decoder.mask_token"].expand(len(x), removed.shape[1], -1)
    restore = torch.cat([keep, removed], dim=1).argsort(dim=1)
    tokens = gather_rows(torch.cat([x[:, 1:], masks], dim=1), restore)
    x = torch.cat([x[:, :1], tokens], dim=1) + positions
    for i in range(DECODER_DEPTH):
        x = block(p, f"decoder.blocks.{i}", x, DECODER_HEADS)
    return linear(p, "decoder.pred", norm(p, "decoder.norm", x))[:, 1:]


def loss_of(p, images, keep, removed, positions):
    target = patchify(images)
    target = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    predicted = decode(p, encode(p, images, keep, positions[0]), keep, removed, positions[1])
    per_patch = ((predicted - target) ** 2).mean(dim=-1)
    mask = torch.ones_like(per_patch).scatter(1, keep, 0.0)
    return (per_patch * mask).sum() / mask.sum()


def train(initial, images, keep, removed, dtype):
    """The ten steps in one precision -> losses, gradient norms, first gradients, final embeddings, positions."""
    p = {name: tensor.to(dtype, copy=True).requires_grad_() for name, tensor in initial.items()}
    images = images.to(dtype)
    decoder_positions = torch.cat([torch.zeros(1, DECODER_WIDTH), sincos_positions(4, DECODER_WIDTH)])
    positions = sincos_positions(4, WIDTH).to(dtype), decoder_positions.to(dtype)
    groups = [
        {"params": [t for t in p.values() if t.ndim > 1], "weight_decay": 0.05},
        {"params": [t for t in p.values() if t.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    losses, norms, first = [], [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(p, images[step], keep[step], removed[step], positions)
        loss.backward()
        first = first or {name: t.grad.clone() for name, t in p.items()}
        losses.append(loss.item())
        norms.append(sum((t.grad.double() ** 2).sum() for t in p.values()).sqrt().item())
        optimizer.step()
    everything = torch.arange(TOKENS).expand(BATCH, -1)
    with torch.no_grad():
        embeddings = encode(p, images[0], everything, positions[0])[:, 1:].mean(dim=1)
    return losses, norms, first, embeddings, positions


def print_noise(single, double):
    """How far the f32 run is from the run in double."""
    for name, a, b in ("loss", single[0], double[0]), ("gradient norm", single[1], double[1]):
        print(f"{name:<14} largest relative difference of f32: {max(abs(x / y - 1) for x, y in zip(a, b)):.1e}")
    worst = max(((single[2][n] - g).norm() / g.norm()).item() for n, g in double[2].items())
    print(f"gradients      largest relative difference of f32, by parameter: {worst:.1e}")
    difference = (single[3] - double[3]).norm() / double[3].norm()
    print(f"embeddings     relative difference of f32: {difference.item():.1e}")
    print("losses        ", " ".join(f"{x:.6f}" for x in double[0]))


def main():
    torch.manual_seed(20240229)
    torch.set_num_threads(1)
    initial, images, (keep, removed) = initial_parameters(), make_images(), make_masks()
    single = train(initial, images, keep, removed, torch.float32)
    double = train(initial, images, keep, removed, torch.float64)
    print_noise(single, double)
    tensors = {name: t.numpy() for name, t in initial.items()}
    tensors.update({f"gradient.{name}": t.numpy() for name, t in single[2].items()})
    tensors.update({"positions.encoder": single[4][0].numpy(), "positions.decoder": single[4][1].numpy()})
    tensors.update(images=images.flatten(0, 1).numpy(), keep=keep.int().numpy(), removed=removed.int().numpy())
    for suffix, run in ("", single), (".double", double):
        tensors[f"losses{suffix}"], tensors[f"gradient_norms{suffix}"] = np.array(run[0]), np.array(run[1])
    tensors["final.embeddings"] = single[3].numpy()
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mae.safetensors"), tensors)


if __name__ == "__main__":
    main()
