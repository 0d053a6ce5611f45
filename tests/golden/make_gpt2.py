"""What transformers makes of a GPT-2 whose weights are a formula: the numbers of test_gpt2.c.

    python3 make_gpt2.py        needs torch and transformers; prints the constants
"""
import torch
from transformers import GPT2Config, GPT2LMHeadModel

VOCABULARY, WINDOW, WIDTH, DEPTH, HEADS = 257, 32, 128, 4, 4
TEXT = b"It was a bright cold day in April, and the clocks were striking thirteen."


def fill(model):
    """Number k of tensor j (in the order of the names) is sin(0.7 k + 1.3 j) / 8; gains are 1 more."""
    weights = {name: p for name, p in model.named_parameters() if name.startswith("transformer.")}
    for j, name in enumerate(sorted(weights)):
        p = weights[name]
        k = torch.arange(p.numel(), dtype=torch.float64)
        numbers = torch.sin(0.7 * k + 1.3 * j) / 8
        if ".ln_" in name and name.endswith("weight"):
            numbers += 1
        p.data.copy_(numbers.reshape(p.shape).float())


config = GPT2Config(vocab_size=VOCABULARY, n_positions=WINDOW, n_embd=WIDTH, n_layer=DEPTH, n_head=HEADS,
                    bos_token_id=256, eos_token_id=256)
model = GPT2LMHeadModel(config).eval()
fill(model)
ids = torch.tensor(list(TEXT) + [256])
total, count = 0.0, 0
with torch.no_grad():
    for first in range(0, len(ids) - 1, WINDOW):
        window = ids[first:first + WINDOW + 1]
        logits = model(window[None, :-1]).logits[0]
        total += torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum").item()
        count += len(window) - 1
print(f"loss {total / count:.9f} over {count} tokens")
prompt = list(TEXT[:8])
for _ in range(16):
    with torch.no_grad():
        prompt.append(int(model(torch.tensor([prompt])).logits[0, -1].argmax()))
print("greedy", prompt[8:])
