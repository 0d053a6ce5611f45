"""What transformers makes of vision transformers whose weights are a formula: the numbers of test_vit.c.

    python3 make_vit.py         needs torch, transformers and safetensors; prints the constants
"""
import json
import tempfile

import torch
from safetensors.torch import save_file
from transformers import Dinov2Model, ViTMAEForPreTraining, ViTModel

WIDTH, DEPTH, HEADS, PATCH, DECODER = 128, 4, 4, 4, 64
KEPT = [1, 6, 11, 12]
PLACES = [(b, t, k) for b in (0, 1) for t in (0, 1, 16) for k in (0, 50, 127)]


def linear(name, inputs, outputs):
    return [(name + ".weight", (outputs, inputs)), (name + ".bias", (outputs,))]


def norm(name, width):
    return [(name + ".weight", (width,)), (name + ".bias", (width,))]


def attention(width):
    rows = []
    for part in ("query", "key", "value"):
        rows += linear("attention.attention." + part, width, width)
    return rows + linear("attention.output.dense", width, width)


def vit_block(width):
    return (norm("layernorm_before", width) + attention(width) + norm("layernorm_after", width) +
            linear("intermediate.dense", width, 4 * width) + linear("output.dense", 4 * width, width))


def dinov2_block(width):
    return (norm("norm1", width) + attention(width) + [("layer_scale1.lambda1", (width,))] +
            norm("norm2", width) + linear("mlp.fc1", width, 4 * width) + linear("mlp.fc2", 4 * width, width) +
            [("layer_scale2.lambda1", (width,))])


def blocks(before, depth, rows):
    return [(f"{before}{i}.{name}", shape) for i in range(depth) for name, shape in rows]


def encoder(rows):
    return ([("embeddings.cls_token", (1, 1, WIDTH)), ("embeddings.position_embeddings", (1, 17, WIDTH)),
             ("embeddings.patch_embeddings.projection.weight", (WIDTH, 3, PATCH, PATCH)),
             ("embeddings.patch_embeddings.projection.bias", (WIDTH,))] +
            blocks("encoder.layer.", DEPTH, rows) + norm("layernorm", WIDTH))


def decoder():
    return (linear("decoder.decoder_embed", WIDTH, DECODER) +
            [("decoder.mask_token", (1, 1, DECODER)), ("decoder.decoder_pos_embed", (1, 17, DECODER))] +
            blocks("decoder.decoder_layers.", 1, vit_block(DECODER)) + norm("decoder.decoder_norm", DECODER) +
            linear("decoder.decoder_pred", DECODER, 3 * PATCH * PATCH))


def sines(width):
    """Of He et al. 2022: the column's sines and cosines, then the row's, for 4 x 4 places behind zeros."""
    frequency = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    wave = lambda x: torch.cat([torch.sin(x * frequency), torch.cos(x * frequency)])
    rows = [torch.cat([wave(float(x)), wave(float(y))]) for y in range(4) for x in range(4)]
    return torch.stack([torch.zeros(width, dtype=torch.float64)] + rows)[None]


def formula(j, name, shape, fixed):
    """Number k of tensor j is sin(0.7 k + 1.3 j) / 8; gains of norms are 1 more."""
    if fixed and "pos" in name:
        return sines(shape[-1]).float()
    count = torch.Size(shape).numel()
    numbers = torch.sin(0.7 * torch.arange(count, dtype=torch.float64) + 1.3 * j) / 8
    if "norm" in name and name.endswith("weight"):
        numbers += 1
    return numbers.reshape(shape).float().contiguous()


def load(model_class, model_type, rows, **more):
    config = {"model_type": model_type, "hidden_size": WIDTH, "num_hidden_layers": DEPTH,
              "num_attention_heads": HEADS, "image_size": 16, "patch_size": PATCH, **more}
    if model_type != "dinov2":
        config["intermediate_size"] = 4 * WIDTH
    weights = {name: formula(j, name, shape, model_type == "vit_mae") for j, (name, shape) in enumerate(rows)}
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/config.json", "w") as f:
            json.dump(config, f)
        save_file(weights, folder + "/model.safetensors", {"format": "pt"})
        model, info = model_class.from_pretrained(folder, output_loading_info=True)
    missing = {k for k in info["missing_keys"] if "pooler" not in k and "mask_token" not in k}
    assert not missing and not info["unexpected_keys"] and not info["mismatched_keys"], info
    return model.eval()


def pictures(size):
    """Number i of 2 pictures (rows, columns, channels) is 1.5 sin(0.37 i)."""
    numbers = 1.5 * torch.sin(0.37 * torch.arange(2 * size * size * 3, dtype=torch.float64))
    return numbers.reshape(2, size, size, 3).permute(0, 3, 1, 2).float()


def show(name, numbers):
    print(f"static const double {name}[] = {{" + ", ".join(f"{float(x):.6f}" for x in numbers) + "};")


def show_states(name, states):
    show(name, [states[place] for place in PLACES])


with torch.no_grad():
    vit = load(ViTModel, "vit", encoder(vit_block(WIDTH)))
    show_states("vit_states", vit(pictures(16)).last_hidden_state)
    dinov2 = load(Dinov2Model, "dinov2", encoder(dinov2_block(WIDTH)))
    show_states("dinov2_states", dinov2(pictures(16)).last_hidden_state)
    show_states("dinov2_larger_states", dinov2(pictures(24)).last_hidden_state)
    mae = load(ViTMAEForPreTraining, "vit_mae", encoder(vit_block(WIDTH)) + decoder(), decoder_hidden_size=DECODER,
               decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=4 * DECODER,
               mask_ratio=0.75)
    noise = torch.arange(16).float()
    noise[KEPT] -= 100
    out = mae(pictures(16), noise=noise.repeat(2, 1))
    print(f"static const double mae_loss_wanted = {out.loss.item():.7f};")
    show("mae_patches", [out.logits[b, t, k] for b in (0, 1) for t in (0, 5, 15) for k in (0, 20, 47)])
