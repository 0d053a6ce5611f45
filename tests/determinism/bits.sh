#!/bin/sh
# The same bits: model.safetensors is equal for 1, 2 and 3 threads, with so little memory that lanes are run twice, and
# after three kills (SIGKILL) at random steps with a resume after each. For every method named on the command line.
#   bits.sh TACIT DATA METHOD [OPTION...]       DATA "table" and "texts": rows and texts that are made here; METHOD
#                                               "finetune": a classifier fine-tuned from a run that is made here
# Of texts also what eval and generate say is equal for 1, 2 and 3 threads.
set -eu
tacit=$1
data=$2
method=$3
shift 3
work=$(mktemp -d "${TMPDIR:-/tmp}/tacit-bits.XXXXXX")
trap 'rm -rf "$work"' EXIT

if [ "$data" = table ]; then
    data=$work/table.csv
    awk 'BEGIN {
        for (i = 0; i < 420; i++) {
            for (j = 1; j < 8; j++)
                printf "%s,", (i + j) % 13 ? (i * j * 7919 % 1009) / 100 : ""
            print i % 3 ? "red" : "blue"
        }
    }' >"$data"
fi
texts=false
fewer=399
if [ "$data" = texts ]; then
    texts=true
    fewer=350 # the last ones are kept apart
    data=$work/texts.txt
    awk 'BEGIN {
        count = split("the a cat dog rain sees hears no today never of was then and she he", word, " ")
        for (i = 0; i < 420; i++) {
            for (j = 0; j < 3 + i % 5; j++)
                printf "%s ", word[1 + (i * i + i * j * 5 + j * j * 3 + int(i / 7)) % count]
            print "in " i % 37 "."
        }
    }' >"$data"
    set -- --unit line --vocab 300 --window 8 --dropout 0.1 "$@"
fi
if [ ! -e "$data" ]; then
    echo "skipped: $data is not here (package dataset-fashion-mnist)"
    exit 77
fi

train() { # RUN OPTION... ; replaces the shell: call it in a subshell
    run=$1
    shift
    if [ "$method" = finetune ]; then
        exec "$tacit" classify fit "$work/base" "$data" -o "$work/$run" --finetune --quiet --limit 400 --batch 48 \
            --epochs 2 --checkpoint-minutes 0 --seed 7 "$@"
    fi
    exec "$tacit" train "$data" -o "$work/$run" --method "$method" --quiet --limit 400 --batch 48 --lane 8 --leaf 2 --epochs 2 \
        --samples 2 --checkpoint-minutes 0 --seed 7 "$@"
}

hash_of() { # RUN
    cat "$work/$1/model/model.safetensors" "$work/$1/model/classes.json" "$work/$1/tokenizer.json" 2>/dev/null | sha256sum | cut -d' ' -f1
}

same() { # RUN WHAT
    got=$(hash_of "$1")
    if [ "$got" != "$want" ]; then
        echo "FAILED: $method: $2 gives $got, one thread gave $want"
        exit 1
    fi
    echo "same bits: $method, $2"
}

steps_done() {
    if [ -e "$work/killed/metrics.jsonl" ]; then
        wc -l <"$work/killed/metrics.jsonl"
    else
        echo 0
    fi
}

# Lets the command in the background reach a random step at least two further, then kills it. A fresh number comes from
# the system: which step is hit must not matter.
kill_somewhere() { # PID
    from=$(steps_done)
    random=$(od -An -N1 -tu1 /dev/urandom | tr -d ' ')
    target=$((from + 1 + random % 4))
    while [ "$(steps_done)" -lt "$target" ] && kill -0 "$1" 2>/dev/null; do
        sleep 0.01
    done
    kill -9 "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    echo "killed at or after step $target: $(steps_done) steps are recorded"
}

if [ "$method" = finetune ]; then
    "$tacit" train "$data" -o "$work/base" --method simclr --quiet --limit 200 --batch 50 --epochs 1 --samples 0 "$@"
    set --
fi
(train one --threads 1 "$@")
want=$(hash_of one)
(train two --threads 2 "$@")
same two "2 threads"
(train three --threads 3 "$@")
same three "3 threads"
if [ "$method" != finetune ]; then
    (train little --threads 2 --memory 1 "$@")
    same little "memory for no lane"
fi
# Methods whose loss does not couple examples have no lanes to keep.
case $method in
mae | denoise | autoencode | next-word | masked-word | finetune) kept=false ;;
*) kept=true ;;
esac
if $kept && ! grep -q '"lanes_run_twice": 1' "$work/little/metrics.jsonl"; then
    echo "FAILED: with --memory 1 no lane was run twice"
    exit 1
fi

# `exec` in train makes $! the number of tacit itself, not of a shell around it.
(train killed --threads 2 "$@") &
kill_somewhere $!
for turn in 1 2; do
    "$tacit" resume "$work/killed" --quiet --threads $((turn + 1)) &
    kill_somewhere $!
done
"$tacit" resume "$work/killed" --quiet --threads 1
same killed "three kills and resumes"
lines=$(wc -l <"$work/one/metrics.jsonl")
resumed=$(wc -l <"$work/killed/metrics.jsonl")
if [ "$lines" != "$resumed" ]; then
    echo "FAILED: $method: metrics.jsonl has $resumed lines after resumes, $lines without"
    exit 1
fi
# What a model of texts says. Other draws must be seen.
said() { # COMMAND ARGUMENT...
    for threads in 1 2 3; do
        "$tacit" "$@" --threads $threads --quiet >"$work/said.$threads"
    done
    if ! cmp "$work/said.1" "$work/said.2" || ! cmp "$work/said.1" "$work/said.3"; then
        echo "FAILED: $method: $* depends on the threads"
        exit 1
    fi
    echo "same bits: $method, $1 with 1, 2 and 3 threads"
}

if $texts; then
    case $method in *-word) said eval "$work/one" "$data" --json ;; esac
fi
if [ "$method" = next-word ]; then
    said generate "$work/one" --prompt "the cat" --number 3 --tokens 40 --seed 5
    "$tacit" generate "$work/one" --prompt "the cat" --number 3 --tokens 40 --seed 6 --quiet >"$work/said.other"
    if cmp -s "$work/said.1" "$work/said.other"; then
        echo "FAILED: $method: another seed writes the same texts"
        exit 1
    fi
fi
# A planted difference must be seen.
(train other --threads 2 --limit $fewer "$@")
if [ "$(hash_of other)" = "$want" ]; then
    echo "FAILED: $method: other data give the same model"
    exit 1
fi
