#!/usr/bin/env python3
"""Writes golden/resize.h: crops resized by PyTorch, for unit/test_crop.c.

    python3 make_resize.py > resize.h      (PyTorch 2.13, CPU; not needed to run the tests)

torch.nn.functional.interpolate(mode="bicubic", antialias=True) uses Keys' cubic with a = -0.5, widened when shrinking,
as Pillow does. A box is cut out first, as torchvision's crops are. The input is made by the same generator here and in
the test, so only results are written.
"""
import torch

# source height, width, channels; box x, y, width, height; result height, width
CASES = [
    (13, 17, 1, (0, 0, 17, 13), (8, 8)),
    (8, 8, 3, (0, 0, 8, 8), (21, 13)),
    (20, 24, 3, (3, 5, 11, 9), (12, 12)),
    (28, 28, 1, (4, 1, 17, 20), (28, 28)),
    (40, 64, 3, (7, 2, 50, 37), (6, 5)),
    (32, 32, 3, (5, 0, 12, 32), (12, 14)),
    (9, 5, 1, (2, 3, 1, 2), (4, 6)),
]


def source(height, width, channels):
    state, numbers = 1, []
    for _ in range(height * width * channels):
        state = (state * 1664525 + 1013904223) % 2**32
        numbers.append(state >> 24)
    return torch.tensor(numbers, dtype=torch.float64).reshape(height, width, channels)


def resized(case):
    height, width, channels, (x, y, box_width, box_height), size = case
    box = source(height, width, channels)[y : y + box_height, x : x + box_width].permute(2, 0, 1)[None] / 255
    result = torch.nn.functional.interpolate(box, size=size, mode="bicubic", antialias=True, align_corners=False)
    return result[0].permute(1, 2, 0).clamp(0, 1)


print(f"/* Written by make_resize.py with PyTorch {torch.__version__}. */")
print("/* clang-format off */")
for i, case in enumerate(CASES):
    numbers = [f"{v:.6f}f" for v in resized(case).flatten().tolist()]
    print(f"static const float resized_{i}[] = {{")
    for at in range(0, len(numbers), 11):
        print("    " + ", ".join(numbers[at : at + 11]) + ",")
    print("};")
print("static const struct golden_resize {")
print("    int height, width, channels;            /* of the source */")
print("    int x, y, box_width, box_height;")
print("    int out_height, out_width;")
print("    const float *pixels;")
print("} golden_resizes[] = {")
for i, (height, width, channels, box, size) in enumerate(CASES):
    print("    {" + ", ".join(map(str, (height, width, channels, *box, *size))) + f", resized_{i}}},")
print("};")
print("/* clang-format on */")
