#!/bin/sh
# tacit.h compiles alone, as C11 and as C++17, without a warning.
#   test_header.sh INCLUDE_FOLDER C_COMPILER
set -eu
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror -fsyntax-only"
# Twice, so that the guard is tested too.
program='#include "tacit.h"
#include "tacit.h"
'
printf '%s' "$program" | "$2" -std=c11 -Wstrict-prototypes $warnings -I "$1" -x c -
for compiler in c++ g++ clang++; do
    if command -v $compiler >/dev/null; then
        printf '%s' "$program" | $compiler -std=c++17 -Wold-style-cast $warnings -I "$1" -x c++ -
        exit 0
    fi
done
echo "no C++ compiler: compiled as C11 only"
exit 77
