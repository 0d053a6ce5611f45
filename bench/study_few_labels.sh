#!/bin/sh
# What fine-tuning is worth with few labels: a linear layer, fine-tuning, and the same network from scratch, with 10 and
# 100 labels a class, over 5 draws, judged on the test part.
#   study_few_labels.sh TACIT RUN DATA FOLDER
# Prints labels, way, draw, accuracy; then mean and deviation of each.
set -eu
tacit=$1
run=$2
data=$3
folder=$4
mkdir -p "$folder"
: >"$folder/few_labels.txt"
for labels in 10 100; do
    for draw in 1 2 3 4 5; do
        for way in linear finetune scratch; do
            option=
            [ $way = linear ] || option=--$way
            # shellcheck disable=SC2086 # an option or nothing
            "$tacit" classify fit "$run" "$data" -o "$folder/head" --overwrite --labels $labels --seed $draw --quiet $option \
                >"$folder/fit.txt"
            accuracy=$("$tacit" classify predict "$folder/head" "$data" --json --quiet |
                sed 's/.*"accuracy":\([0-9.]*\).*/\1/')
            echo "$labels $way $draw $accuracy" | tee -a "$folder/few_labels.txt"
        done
    done
done
awk '{ k = $1 " " $2; n[k]++; s[k] += $4; q[k] += $4 * $4 }
    END { for (k in n) { m = s[k] / n[k]; print k, "mean", m, "deviation", sqrt((q[k] - n[k] * m * m) / (n[k] - 1)) } }' \
    "$folder/few_labels.txt" | sort
