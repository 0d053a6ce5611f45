"""The models of the speed comparison in PyTorch: ViT, masked autoencoder, SimCLR, GPT.

Same mathematics as ours, written the way that PyTorch runs fastest without custom kernels; any version from 1.13.
Letters: B examples, T tokens, K kept tokens, R removed tokens, D width, P = patch * patch * channels.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def attention(q, k, v, causal):
    """q, k, v (B, heads, T, d) -> (B, heads, T, d)."""
    if hasattr(F, "scaled_dot_product_attention"):  # from PyTorch 2.0
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    if causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf")).triu(1)
    return scores.softmax(dim=-1) @ v


class Block(nn.Module):
    """Pre-norm transformer block (Vaswani et al. 2017; Dosovitskiy et al. 2021); causal as GPT-2's."""

    def __init__(self, width, heads, causal=False, eps=1e-6):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.gelu = "tanh" if causal else "none"
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        B, T, D = x.shape
        qkv = self.qkv(self.norm1(x)).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.proj(attention(q, k, v, self.causal).transpose(1, 2).reshape(B, T, D))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x)), approximate=self.gelu))


def sincos_positions(side, width):
    """(side * side, width); the first half of the width is made from the column, the second from the row."""
    omega = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    halves = []
    for coordinate in (column, row):
        angle = coordinate.reshape(-1, 1).double() * omega
        halves += [angle.sin(), angle.cos()]
    return torch.cat(halves, dim=1).float()


def patchify(images, patch):
    """images (B, H, W, C) -> (B, T, P); within a patch rows, then columns, then channels."""
    B, H, W, C = images.shape
    x = images.view(B, H // patch, patch, W // patch, patch, C)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(B, -1, patch * patch * C)


def gather_rows(x, index):
    """x (B, T, D), index (B, K) -> (B, K, D)."""
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[2]))


class Encoder(nn.Module):
    """ViT with fixed sin-cos positions and a class token."""

    def __init__(self, size, patch, channels, width, depth, heads):
        super().__init__()
        self.patch, self.width = patch, width
        self.embed = nn.Linear(patch * patch * channels, width)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.register_buffer("positions", sincos_positions(size // patch, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, patches, keep=None):
        """patches (B, K, P) at the places keep (B, K), or all of them in order -> (B, K + 1, D)."""
        positions = self.positions if keep is None else self.positions[keep]
        x = self.embed(patches) + positions
        x = torch.cat([self.cls_token.expand(len(x), -1, -1).to(x.dtype), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Embed(nn.Module):
    """Inference: images (B, H, W, C) -> mean of the patch tokens (B, D)."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, images):
        return self.encoder(patchify(images, self.encoder.patch))[:, 1:].mean(dim=1)


class MaskedAutoencoder(nn.Module):
    """He et al. 2022, three quarters of the patches removed, loss on normalised pixels.

    The mask is drawn before the patches are embedded, so that only kept patches are: the same result as embedding
    all and dropping, with less work. For the same reason only removed tokens reach the last layer.
    """

    def __init__(self, encoder, tokens, channels, width, depth, heads):
        super().__init__()
        self.encoder, self.tokens, self.kept = encoder, tokens, tokens // 4
        self.embed = nn.Linear(encoder.width, width)
        self.mask_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        positions = sincos_positions(math.isqrt(tokens), width)
        self.register_buffer("positions", torch.cat([torch.zeros(1, width), positions]))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pred = nn.Linear(width, encoder.patch**2 * channels)

    def decode(self, latent, keep, removed):
        """latent (B, K + 1, D) -> predicted patches at `removed` (B, R, P)."""
        latent = self.embed(latent)
        B, _, D = latent.shape
        places = torch.cat([keep.new_zeros(B, 1), keep + 1], dim=1).unsqueeze(-1).expand(-1, -1, D)
        x = self.mask_token.to(latent.dtype).expand(B, self.tokens + 1, D).scatter(1, places, latent) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.pred(self.norm(gather_rows(x, removed + 1)))

    def forward(self, images):
        patches = patchify(images, self.encoder.patch)
        order = torch.rand(len(images), self.tokens).argsort(dim=1)
        keep, removed = order[:, : self.kept], order[:, self.kept :]
        target = gather_rows(patches, removed)
        variance, mean = torch.var_mean(target, dim=2, keepdim=True)
        target = (target - mean) / (variance + 1e-6).sqrt()
        predicted = self.decode(self.encoder(gather_rows(patches, keep), keep), keep, removed)
        return F.mse_loss(predicted.float(), target)


class SimCLR(nn.Module):
    """Chen et al. 2020 with the three-layer projector of the second version. Rows 2i and 2i + 1 are two views of i."""

    def __init__(self, encoder, widths, temperature=0.2):
        super().__init__()
        self.embed, self.temperature = Embed(encoder), temperature
        layers, width = [], encoder.width
        for i, out in enumerate(widths):
            layers += [nn.Linear(width, out, bias=False), nn.BatchNorm1d(out)]
            layers += [nn.ReLU()] if i + 1 < len(widths) else []
            width = out
        self.projector = nn.Sequential(*layers)

    def forward(self, images):
        z = F.normalize(self.projector(self.embed(images)).float(), dim=1)
        logits = (z @ z.t()) / self.temperature
        logits = logits.masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
        return F.cross_entropy(logits, torch.arange(len(z)) ^ 1)


class GPT(nn.Module):
    """GPT-2 (Radford et al. 2019): learnt positions, the table of words tied to the output; no dropout."""

    def __init__(self, vocabulary, window, width, depth, heads):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(window, width)
        self.blocks = nn.ModuleList(Block(width, heads, causal=True, eps=1e-5) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-5)
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(self, ids):
        """ids (B, T + 1): the loss of each word from those before it."""
        x = self.words(ids[:, :-1]) + self.positions.weight[: ids.shape[1] - 1]
        for block in self.blocks:
            x = block(x)
        logits = self.norm(x) @ self.words.weight.t()
        return F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())
