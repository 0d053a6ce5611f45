#!/usr/bin/env python3
"""Next character in PyTorch: nanoGPT's setting for CPUs, timed and judged as `tacit train --method next-word` is.

    words.py FILE [--threads 2] [--steps 2000]

Four blocks, four heads, 128 wide, window 64, batch 12, no dropout; the last tenth of the file is for validation, all of it
in windows one after the other. The rate rises for 100 steps and falls as a cosine to a tenth. Seconds are those of the
steps alone.
"""

import argparse
import math
import time

import torch

from models import GPT
from steps import NANO, keep_freed_memory, make_optimizer

WINDOW, BATCH, WARMUP = 64, 12, 100


def read_ids(path):
    """The characters of a file as numbers, in the order of their codes, and how many different ones there are."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    numbers = {c: i for i, c in enumerate(sorted(set(text)))}
    return torch.tensor([numbers[c] for c in text]), len(numbers)


def rate(step, steps, peak):
    if step < WARMUP:
        return peak * (step + 1) / WARMUP
    return peak * (0.55 + 0.45 * math.cos(math.pi * (step - WARMUP) / max(1, steps - WARMUP)))


def validation_loss(model, ids):
    with torch.inference_mode():
        windows = ids[: (len(ids) - 1) // WINDOW * WINDOW + 1].unfold(0, WINDOW + 1, WINDOW)
        losses = [model(part) * len(part) for part in windows.split(64)]
    return float(sum(losses) / len(windows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--lr", type=float, default=1e-3)
    options = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    ids, vocabulary = read_ids(options.file)
    train, validation = ids[: len(ids) * 9 // 10], ids[len(ids) * 9 // 10 :]
    model = GPT(vocabulary, WINDOW, *NANO)
    optimizer = make_optimizer(model)
    begin = time.perf_counter()
    for step in range(options.steps):
        places = torch.randint(len(train) - WINDOW, (BATCH, 1)) + torch.arange(WINDOW + 1)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, options.steps, options.lr)
        loss = model(train[places])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - begin
    print(f"{options.steps} steps in {seconds:.1f} s, validation loss {validation_loss(model, validation):.4f}")


if __name__ == "__main__":
    main()
