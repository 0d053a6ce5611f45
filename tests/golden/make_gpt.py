#!/usr/bin/env python3
"""Makes gpt.safetensors: ten training steps of small transformers for texts in PyTorch: next-word (Radford et al. 2019)
with learned positions and with rotary ones (Su et al. 2021), and masked-word (Devlin et al. 2019).

Everything random (parameters, texts, what is hidden) is drawn once, in f32, and is in the file; so any implementation
can repeat the steps. The steps run in f32, and again in double to show the noise of f32, which is printed.

Model: vocabulary 40, window 16, 32 wide, 2 blocks, 4 heads; norms before the parts, eps 1e-5, GELU by tanh; the table of
words reads and predicts; no dropout. All three start from the same parameters; rotary has no positions.weight.
Steps: batch 6, AdamW lr 1e-3, betas (0.9, 0.99), eps 1e-8, decay 0.1 only on parameters of two dimensions, no clipping,
constant lr.

Contents (f32 unless said otherwise); I = 0 or 1, M = learned, rotary or masked:
  encoder.words.weight (40, 32), encoder.positions.weight (16, 32),
  encoder.blocks.I.{norm1,attn.qkv,attn.proj,norm2,mlp.fc1,mlp.fc2}.{weight,bias}, encoder.norm.{weight,bias}
                                    parameters before the first step
  ids (60, 17) i32                  6 texts for each step; the last token is only predicted, and only by next-word
  read (60, 16), places (60, 3), asked (60, 3) i32     the same texts with three words of each hidden, and what they were
  padded (6, 16) i32                texts of 16, 1, 7, 12, 15 and 2 tokens, then -1
  M.gradient.NAME                   gradient of each parameter in the first step
  M.losses (10), M.gradient_norms (10) f64             of the f32 run, before each update
  M.losses.double (10), M.gradient_norms.double (10) f64    of the run in double
  M.logits (6, 16, 40)              after ten steps, of the first six texts (of masked: as read)
  M.embeddings (6, 32)              after ten steps, of `padded`: mean of the tokens that are there
"""

import os

import numpy as np
import torch
import torch.nn.functional as F

import golden_file
from make_mae import block_parameters, linear, norm_parameters

STEPS, BATCH, WINDOW, VOCABULARY, HIDDEN = 10, 6, 16, 40, 3
WIDTH, DEPTH, HEADS = 32, 2, 4
LENGTHS = 16, 1, 7, 12, 15, 2
MODELS = "learned", "rotary", "masked"


def initial_parameters():
    """Larger than a model would start: so that attention looks somewhere, and every part counts."""
    p = {"encoder.words.weight": torch.randn(VOCABULARY, WIDTH) * 0.4}
    p["encoder.positions.weight"] = torch.randn(WINDOW, WIDTH) * 0.3
    for i in range(DEPTH):
        p.update(block_parameters(f"encoder.blocks.{i}", WIDTH))
    p.update(norm_parameters("encoder.norm", WIDTH))
    return {name: t + 0.1 * torch.randn(t.shape) if t.ndim == 1 else t for name, t in p.items()}


def make_texts():
    """Each token follows from the two before it, but one in five does not."""
    ids = torch.randint(0, VOCABULARY - 1, (STEPS * BATCH, WINDOW + 1))
    for t in range(2, WINDOW + 1):
        rule = (3 * ids[:, t - 1] + ids[:, t - 2]) % (VOCABULARY - 1)
        ids[:, t] = torch.where(torch.rand(len(ids)) < 0.8, rule, ids[:, t])
    return ids


def hide(ids):
    """Three words of each text: the mask (the last token), another one, and one that stays."""
    places = torch.rand(len(ids), WINDOW).argsort(dim=1)[:, :HIDDEN]
    asked, read = ids[:, :WINDOW].gather(1, places), ids[:, :WINDOW].clone()
    other = torch.randint(0, VOCABULARY - 1, (len(ids),))
    disguise = torch.stack([torch.full_like(other, VOCABULARY - 1), other, asked[:, 2]], dim=1)
    return read.scatter(1, places, disguise), places, asked


def norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps=1e-5)


def rotate(x):
    """(B, heads, T, d): numbers i and i + d/2 turned by position * 10000^(-2i/d)."""
    half = x.shape[-1] // 2
    speed = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * speed
    cosine, sine = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    left, right = x[..., :half], x[..., half:]
    return torch.cat([left * cosine - right * sine, left * sine + right * cosine], dim=-1)


def attention(p, name, x, model, there):
    B, T, D = x.shape
    q, k, v = linear(p, f"{name}.qkv", x).reshape(B, T, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
    if model == "rotary":
        q, k = rotate(q), rotate(k)
    seen = there[:, None, None, :]
    if model != "masked":
        seen = seen & torch.ones(T, T, dtype=torch.bool).tril()
    scores = (q @ k.transpose(-2, -1) / (D // HEADS) ** 0.5).masked_fill(~seen, -torch.inf)
    return linear(p, f"{name}.proj", (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(B, T, D))


def encode(p, ids, model):
    """(B, T, 32) after the last norm; -1 is no token."""
    there = ids >= 0
    x = p["encoder.words.weight"][ids.clamp(min=0)]
    if model != "rotary":
        x = x + p["encoder.positions.weight"]
    for i in range(DEPTH):
        name = f"encoder.blocks.{i}"
        x = x + attention(p, f"{name}.attn", norm(p, f"{name}.norm1", x), model, there)
        hidden = F.gelu(linear(p, f"{name}.mlp.fc1", norm(p, f"{name}.norm2", x)), approximate="tanh")
        x = x + linear(p, f"{name}.mlp.fc2", hidden)
    return norm(p, "encoder.norm", x)


def logits_of(p, ids, model):
    return encode(p, ids, model) @ p["encoder.words.weight"].T


def loss_of(p, model, ids, read, places, asked):
    if model != "masked":
        return F.cross_entropy(logits_of(p, ids[:, :WINDOW], model).flatten(0, 1), ids[:, 1:].flatten())
    logits = logits_of(p, read, model)
    return F.cross_entropy(logits.gather(1, places[..., None].expand(-1, -1, VOCABULARY)).flatten(0, 1), asked.flatten())


def train(initial, model, texts, padded, dtype):
    """The ten steps in one precision -> losses, gradient norms, first gradients, final logits and embeddings."""
    p = {name: tensor.to(dtype, copy=True).requires_grad_() for name, tensor in initial.items()}
    if model == "rotary":
        del p["encoder.positions.weight"]
    groups = [
        {"params": [t for t in p.values() if t.ndim > 1], "weight_decay": 0.1},
        {"params": [t for t in p.values() if t.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
    losses, norms, first = [], [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(p, model, *(t[step * BATCH : (step + 1) * BATCH] for t in texts))
        loss.backward()
        first = first or {name: t.grad.clone() for name, t in p.items()}
        losses.append(loss.item())
        norms.append(sum((t.grad.double() ** 2).sum() for t in p.values()).sqrt().item())
        optimizer.step()
    there = (padded >= 0)[..., None]
    with torch.no_grad():
        logits = logits_of(p, texts[1][:BATCH] if model == "masked" else texts[0][:BATCH, :WINDOW], model)
        embeddings = (encode(p, padded, model) * there).sum(dim=1) / there.sum(dim=1)
    return losses, norms, first, logits, embeddings


def print_noise(model, single, double):
    """How far the f32 run is from the run in double."""
    for name, a, b in ("loss", single[0], double[0]), ("gradient norm", single[1], double[1]):
        worst = max(abs(x / y - 1) for x, y in zip(a, b))
        print(f"{model:<8} {name:<14} largest relative difference of f32: {worst:.1e}")
    worst = max(((single[2][n] - g).norm() / g.norm()).item() for n, g in double[2].items())
    print(f"{model:<8} gradients      largest relative difference of f32, by parameter: {worst:.1e}")
    for name, i in ("logits", 3), ("embeddings", 4):
        difference = (single[i] - double[i]).norm() / double[i].norm()
        print(f"{model:<8} {name:<14} relative difference of f32: {difference.item():.1e}")
    print(f"{model:<8} losses        ", " ".join(f"{x:.6f}" for x in double[0]))


def main():
    torch.manual_seed(20240517)
    torch.set_num_threads(1)
    initial, ids = initial_parameters(), make_texts()
    texts = ids, *hide(ids)
    padded = torch.where(torch.arange(WINDOW) < torch.tensor(LENGTHS)[:, None], ids[:BATCH, :WINDOW], -1)
    tensors = {name: t.numpy() for name, t in initial.items()}
    tensors.update({name: t.int().numpy() for name, t in zip(("ids", "read", "places", "asked"), texts)})
    tensors["padded"] = padded.int().numpy()
    for model in MODELS:
        single = train(initial, model, texts, padded, torch.float32)
        double = train(initial, model, texts, padded, torch.float64)
        print_noise(model, single, double)
        tensors.update({f"{model}.gradient.{name}": t.numpy() for name, t in single[2].items()})
        for suffix, run in ("", single), (".double", double):
            tensors[f"{model}.losses{suffix}"] = np.array(run[0])
            tensors[f"{model}.gradient_norms{suffix}"] = np.array(run[1])
        tensors[f"{model}.logits"], tensors[f"{model}.embeddings"] = single[3].numpy(), single[4].numpy()
    golden_file.write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "gpt.safetensors"), tensors)


if __name__ == "__main__":
    main()
