#!/usr/bin/env python3
"""Times the training and embedding steps of `tacit bench` in PyTorch, on random tensors: examples a second.

A training step is forward, backward, AdamW. One example of simclr is two views.
"""

import argparse
import contextlib
import ctypes
import json
import statistics
import time

import torch

from models import GPT, Embed, Encoder, MaskedAutoencoder, SimCLR

# width, blocks, heads
NANO, TINY, MICRO, SMALL, BASE = (128, 4, 4), (192, 12, 3), (384, 6, 6), (384, 12, 6), (768, 12, 12)

# name: task, size, patch, channels, encoder, decoder, batch. README.md says how the batch was chosen.
ROWS = {
    "mae-nano28": ("mae", 28, 4, 1, NANO, (64, 2, 4), 256),
    "mae-tiny32": ("mae", 32, 4, 3, TINY, (96, 4, 3), 64),
    "mae-small64": ("mae", 64, 8, 3, SMALL, (192, 4, 6), 64),
    "mae-base224": ("mae", 224, 16, 3, BASE, (512, 8, 16), 16),
    "simclr-tiny32": ("simclr", 32, 4, 3, TINY, None, 64),
    "embed-tiny32": ("embed", 32, 4, 3, TINY, None, 64),
    "embed-small224": ("embed", 224, 16, 3, SMALL, None, 16),
}

# name: window, vocabulary, network, batch; those of `tacit bench`.
TEXT_ROWS = {
    "gpt-nano": (64, 65, NANO, 12),
    "gpt-micro": (256, 65, MICRO, 8),
    "gpt-small": (1024, 50257, BASE, 2),
}
NAMES = [*ROWS, *TEXT_ROWS]


def keep_freed_memory():
    """Lets malloc keep large freed blocks; otherwise PyTorch pays for fresh pages at every operator (glibc only)."""
    m_trim_threshold, m_mmap_max = -1, -4
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)


def make_model(row):
    if row in TEXT_ROWS:
        window, vocabulary, sizes, _ = TEXT_ROWS[row]
        return GPT(vocabulary, window, *sizes)
    task, size, patch, channels, encoder, decoder, _ = ROWS[row]
    vit = Encoder(size, patch, channels, *encoder)
    if task == "mae":
        return MaskedAutoencoder(vit, (size // patch) ** 2, channels, *decoder)
    return SimCLR(vit, (192, 192, 128)) if task == "simclr" else Embed(vit)


def make_optimizer(model):
    """AdamW, the fused kernel where this PyTorch has one for the CPU (from 2.4)."""
    settings = dict(lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05)
    try:
        return torch.optim.AdamW(model.parameters(), fused=True, **settings)
    except (RuntimeError, TypeError):
        return torch.optim.AdamW(model.parameters(), foreach=True, **settings)


def make_examples(row, batch):
    """Random ids of texts, each with the word behind it, or random pictures."""
    if row in TEXT_ROWS:
        return torch.randint(TEXT_ROWS[row][1], (batch, TEXT_ROWS[row][0] + 1))
    task, size, _, channels = ROWS[row][:4]
    return torch.randn(batch * (2 if task == "simclr" else 1), size, size, channels)


def own_batch(row):
    return (TEXT_ROWS[row] if row in TEXT_ROWS else ROWS[row])[-1]


def make_step(row, precision, mode, batch):
    """A function without arguments that does one step over `batch` examples."""
    model = make_model(row)
    run = torch.compile(model) if mode == "compile" else model
    examples = make_examples(row, batch)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")

    def embed():
        with torch.inference_mode(), autocast:
            run(examples)

    if row in ROWS and ROWS[row][0] == "embed":
        model.eval()
        return embed
    optimizer = make_optimizer(model)

    def train():
        with autocast:
            loss = run(examples)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return train


def examples_per_second(step, batch, seconds):
    """From the median time of a step, as `tacit bench` does; three steps first that do not count."""
    for _ in range(3):
        step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return batch / statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", choices=[*NAMES, *(r[4:] for r in ROWS if r.startswith("mae-")), "all"], default="all")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--mode", choices=["eager", "compile"], default="eager")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=0, help="0: the row's own")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.mode == "compile" and not hasattr(torch, "compile"):
        parser.error(f"PyTorch {torch.__version__} has no torch.compile; 2.0 or later does")

    keep_freed_memory()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    row = options.row if options.row in NAMES or options.row == "all" else f"mae-{options.row}"
    for name in NAMES if row == "all" else [row]:
        batch = options.batch or own_batch(name)
        step = make_step(name, options.precision, options.mode, batch)
        result = dict(name=name, precision=options.precision, mode=options.mode, threads=options.threads, batch=batch)
        result["examples_per_s"] = float(f"{examples_per_second(step, batch, options.seconds):.4g}")
        line = "{name:<16} {precision} {mode:<8} {threads} threads  batch {batch:<5} {examples_per_s:10.4g} examples/s"
        print(json.dumps(result) if options.json else line.format(**result), flush=True)


if __name__ == "__main__":
    main()
