#!/bin/sh
# What embeddings of package descriptions are worth: trained on pairs of short and long ones, then the long one of a package
# is looked for by its short one, among packages of other sources; beside BM25 and an encoder that has learnt nothing.
#   study.sh TACIT FOLDER [EPOCHS]
# FOLDER has train.jsonl and test.jsonl of prepare.py. Needs NumPy. Leaves FOLDER/run, FOLDER/untrained, FOLDER/table.txt.
set -eu
tacit=$1
folder=$2
epochs=${3:-5}
here=$(dirname "$0")

train() {
    run=$1
    shift
    "$tacit" train "$folder/train.jsonl" -o "$folder/$run" --overwrite --method simclr --field short --pair long \
        --label section --window 32 --batch 256 "$@" --quiet
}

recall() {
    for field in short long; do
        "$tacit" embed "$folder/$1" "$folder/test.jsonl" --field $field -o "$folder/$1.$field.npy" --quiet
    done
    "$here/recall.py" "$folder/test.jsonl" "$folder/$1.short.npy" "$folder/$1.long.npy"
}

train run --epochs "$epochs"
train untrained --max-steps 1 --lr 0 --weight-decay 0
{
    "$here/recall.py" "$folder/test.jsonl"
    for run in run untrained; do
        echo "$run"
        recall $run
    done
    echo "sections"
    "$tacit" eval "$folder/run" "$folder/train.jsonl" --test "$folder/test.jsonl" --field long --label section --quiet
} | tee "$folder/table.txt"
