#!/bin/sh
# The scripts say what they do when asked, and refuse words that they do not know, before they do anything.
#   scripts.sh SCRIPTS        SCRIPTS: their folder
# Ends with "N checks, M failed".
set -u
scripts=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
checks=0 failed=0

# expect CODE SCRIPT WORDS...: exit code, and a usage line on stdout (0) or stderr (2), where nothing else is. A copy of the
# script alone is run, whose work would fail: there is no project around it, and no other script.
expect() {
    code=$1 script=$2
    shift 2
    checks=$((checks + 1))
    mkdir -p "$folder/empty/scripts"
    cp "$scripts/$script" "$folder/empty/scripts/$script"
    "$folder/empty/scripts/$script" "$@" >"$folder/out" 2>"$folder/err" </dev/null
    got=$?
    told=$folder/out silent=$folder/err
    [ "$code" = 0 ] || told=$folder/err silent=$folder/out
    if [ "$got" != "$code" ] || [ -s "$silent" ] || ! head -n 1 "$told" | grep -q "^usage: scripts/$script" ||
        [ "$(wc -l <"$told")" -gt 2 ]; then
        echo "FAILED: scripts/$script $*: exit code $got, wanted $code and a usage line"
        head -n 5 "$folder/out" "$folder/err" | sed 's/^/    /'
        failed=$((failed + 1))
    fi
    rm -rf "$folder/empty"
}

for script in setup demo test check; do
    expect 0 $script -h
    expect 0 $script --help
    expect 2 $script --nonsense
    expect 2 $script -x
    expect 2 $script one two
    expect 2 $script ''
done
expect 2 test everything
expect 2 setup --tests now

echo "$checks checks, $failed failed"
[ $failed = 0 ]
