#!/bin/sh
# The command `tacit` on folders as Hugging Face's transformers keeps vision transformers.
#   exchange.sh TACIT          TACIT: the built command
# Ends with "N checks, M failed"; 77 without Fashion-MNIST.
set -u
. "$(dirname "$0")/checks.sh"
[ -d $fashion ] || exit 77
few='--limit 96 --batch 32 --max-steps 2 --quiet'

# exported RUN FOLDER CLASS: the folder embeds as the run does.
exported() {
    expect 0 "$2: $3.from_pretrained opens it, and tacit does" '' export "$1" --hf "$2"
    ok embed "$1" $fashion --limit 20 -o ours.npy
    ok embed "$2" $fashion --limit 20 -o theirs.npy
    holds "$2 gives the embeddings of $1" cmp -s ours.npy theirs.npy
    holds "$2 says how pixels are prepared" grep -q '"image_processor_type": "ViTImageProcessor"' "$2/preprocessor_config.json"
}

ok train $fashion -o simclr --method simclr $few
exported simclr vit ViTModel
ok info vit
holds 'an encoder alone has no method' grep -qx 'method      encoder (trained elsewhere)' got.out
holds 'and nobody knows its training' grep -qx 'training    elsewhere' got.out
ok train $fashion -o mae --method mae --positions learned --norm-epsilon 1e-5 $few
exported mae vit_mae ViTMAEForPreTraining
ok info vit_mae
holds 'a ViTMAE is a model of mae' grep -qx 'method      mae (self-prediction)' got.out
ok train $fashion -o scaled --method vicreg --readout class --layer-scale 0.1 $few
exported scaled dinov2 Dinov2Model

# ---- uses of what was trained elsewhere ----------------------------------------------------------------------------
ok train $fashion -o onward --method mae --init vit $few
holds 'a training begins from it' grep -q '"positions": "learned"' onward/config.json
ok classify fit vit $fashion --limit 60 -o head
ok classify fit dinov2 $fashion --limit 60 -o tuned --finetune --epochs 1
ok classify predict tuned $fashion --limit 20 -o answers
expect 1 '' 'tacit: --layer-scale 0.5: the model to begin from has 0.1' \
    train $fashion -o x --method simclr --init dinov2 --layer-scale 0.5 $few
ok anomaly vit $fashion --limit 60 -o odd
expect 1 '' 'tacit: --score prediction: the model is of a contrastive method, or of none, which predicts nothing' \
    anomaly vit $fashion --limit 60 --score prediction -o odd2 --quiet
expect 1 '' 'tacit: vit was trained by another program: begin a training of your own with --init vit' resume vit --quiet
expect 1 '' 'tacit: vit/config.json is there already: choose another folder' export simclr --hf vit
ok train $fashion -o resnet --method simclr --encoder resnet-10 --width 0.125 $few
expect 1 '' 'tacit: resnet-10 has no class in transformers that tacit writes: expected a vit for pictures, or a gpt for texts' \
    export resnet --hf x
rm vit_mae/model.safetensors
expect 1 '' 'tacit: vit_mae/model.safetensors: cannot read: No such file or directory' embed vit_mae $fashion -o x.npy

echo "$checks checks, $failed failed"
[ $failed = 0 ]
