#!/bin/sh
# Runs the examples one after the other on small data, looks at what they leave, and checks that the README shows what
# is compiled here.
#   run.sh TRAIN_ARRAY EMBED NEIGHBOURS SOURCE CLASSIFY WRITE
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number() {
    printf '\0\0\0'
    printf "\\$(printf %o "$1")"
}

"$1" "$folder/run"
[ -s "$folder/run/model/model.safetensors" ]

# 20 pictures of 16 x 16: the bytes of this file, as IDX.
{
    printf '\0\0\010\003' && number 20 && number 16 && number 16
    cat "$0" "$0" "$0" "$0" "$0" "$0" | head -c 5120
} >"$folder/train-images-idx3-ubyte"
"$2" "$folder/run" "$folder/train-images-idx3-ubyte" "$folder/out.npy"
[ "$(wc -c <"$folder/out.npy")" -gt $((20 * 128 * 4)) ]

"$3" "$folder/run" "$folder/train-images-idx3-ubyte" | tee "$folder/nearest"
[ "$(wc -l <"$folder/nearest")" = 15 ]
[ "$(grep -c '^1\.000  train-images' "$folder/nearest")" = 3 ]

# Every other picture is of the other class.
{
    printf '\0\0\010\001' && number 20
    printf '\0\001\0\001\0\001\0\001\0\001\0\001\0\001\0\001\0\001\0\001'
} >"$folder/train-labels-idx1-ubyte"
"$5" "$folder/run" "$folder/train-images-idx3-ubyte" "$folder/head" "$folder/train-images-idx3-ubyte" | tee "$folder/classes"
[ "$(grep -cE '^train-images.*  [01]  [01]\.[0-9]+$' "$folder/classes")" = 20 ]

cat "$0" "$0" "$0" >"$folder/text.txt"
"$6" "$folder/text.txt" "$folder/words" 'the ' | tee "$folder/written"
[ -s "$folder/words/model/tokenizer.json" ]
[ "$(wc -c <"$folder/written")" -gt 40 ]

if "$2" "$folder/nowhere" "$folder" "$folder/out.npy" 2>"$folder/error"; then
    echo "a model that is not there was opened"
    exit 1
fi
grep -q nowhere "$folder/error"

awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$4/README.md" | diff - "$4/examples/embed.c" || {
    echo "README.md shows another program than examples/embed.c"
    exit 1
}
