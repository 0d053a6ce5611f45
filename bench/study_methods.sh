#!/bin/sh
# What the methods are worth for the same time: trains each on the training part with its defaults, as many epochs as fit
# into MINUTES at the speed of 80 steps, and judges it once on the test part.
#   study_methods.sh TACIT DATA FOLDER [MINUTES [METHOD...]]
# Leaves FOLDER/METHOD (runs), FOLDER/METHOD.json (tacit eval) and FOLDER/table.txt. Run it on a quiet machine.
set -eu
tacit=$1
data=$2
folder=$3
minutes=${4:-10}
shift 3
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- simclr moco barlow vicreg mae denoise autoencode
mkdir -p "$folder"

# Median speed of the last 60 of 80 steps, examples a second.
speed() {
    "$tacit" train "$data" -o "$folder/trial" --overwrite --method "$1" --max-steps 80 --samples 0 --quiet
    sed -n 's/.*"examples_per_s": \([0-9.]*\).*/\1/p' "$folder/trial/metrics.jsonl" | tail -n 60 | sort -n | sed -n 30p
}

for method in "$@"; do
    [ ! -e "$folder/$method.json" ] || continue
    rate=$(speed "$method")
    examples=$("$tacit" info "$folder/trial" --json | sed 's/.*"examples":\([0-9]*\).*/\1/')
    epochs=$(awk "BEGIN { e = int(60 * $minutes * $rate / $examples); print e < 1 ? 1 : e }")
    begin=$(date +%s)
    "$tacit" train "$data" -o "$folder/$method" --overwrite --method "$method" --epochs "$epochs" --quiet
    seconds=$(($(date +%s) - begin))
    "$tacit" eval "$folder/$method" "$data" --json --quiet >"$folder/$method.json.tmp"
    mv "$folder/$method.json.tmp" "$folder/$method.json"
    few='[^}]*{[^}]*},{[^}]*},{"labels":10,"mean":\([0-9.]*\),"deviation":\([0-9.e-]*\)}.*'
    sed "s/.*\"model\":{\"knn\":\([0-9.]*\),\"linear\":\([0-9.]*\),$few/$method: $epochs epochs, $seconds s, kNN \1, linear \2, 10 labels \3 +- \4/" \
        "$folder/$method.json" >>"$folder/table.txt"
    tail -n 1 "$folder/table.txt"
done
