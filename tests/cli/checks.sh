# What the tests of the command share: sourced by run.sh and text.sh with the built command as $1. Works in an
# empty folder that goes away.
set -u
tacit=$1
here=$(cd "$(dirname "$0")" && pwd)
fashion=/usr/share/datasets/fashion-mnist
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
checks=0 failed=0

# differs WHAT WANTED-FILE GOT-FILE
differs() {
    cmp -s "$2" "$3" && return 1
    echo "FAILED: tacit $words"
    echo "  $1, wanted (-) and got (+):"
    diff -u "$2" "$3" | tail -n +3 | sed 's/^/    /'
}

# expect CODE OUT ERR WORDS...: runs tacit with WORDS. OUT and ERR are whole texts without the last line end.
expect() {
    code=$1 out=$2 err=$3
    shift 3
    words=$*
    checks=$((checks + 1))
    "$tacit" "$@" >got.out 2>got.err </dev/null
    got=$?
    printf '%s' "${out:+$out
}" >want.out
    printf '%s' "${err:+$err
}" >want.err
    bad=0
    if [ "$got" != "$code" ]; then
        echo "FAILED: tacit $words: exit code $got, wanted $code"
        sed 's/^/    /' got.err
        bad=1
    fi
    differs stdout want.out got.out && bad=1
    differs stderr want.err got.err && bad=1
    failed=$((failed + bad))
}

# holds WHAT CONDITION...: one more check of what the last run left.
holds() {
    what=$1
    shift
    checks=$((checks + 1))
    "$@" && return
    echo "FAILED: $what"
    failed=$((failed + 1))
}

# ok WORDS...: runs tacit; must return 0. What it printed is in got.out and got.err.
ok() {
    words=$*
    checks=$((checks + 1))
    "$tacit" "$@" >got.out 2>got.err </dev/null && return
    echo "FAILED: tacit $words: exit code $?"
    sed 's/^/    /' got.err
    failed=$((failed + 1))
}
