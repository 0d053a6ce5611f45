#!/bin/sh
# An installed tacit is found, compiled against, and run, by pkg-config and by find_package, after the tree was moved.
#   test_install.sh SOURCE BUILD CMAKE C_COMPILER
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$3" --install "$2" --prefix "$folder/first" >"$folder/log" || { cat "$folder/log"; exit 1; }
mv "$folder/first" "$folder/moved"
library=$(dirname "$(find "$folder/moved" -name libtacit.so)")

PKG_CONFIG_PATH=$library/pkgconfig
export PKG_CONFIG_PATH
"$4" "$1/tests/install/consumer.c" $(pkg-config --cflags --libs tacit) -Wl,-rpath,"$library" -o "$folder/consumer"
"$folder/consumer"

cp "$1/tests/install/consumer.c" "$folder"
cat >"$folder/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.21)
project(consumer LANGUAGES C)
find_package(tacit 0.1 REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE tacit::tacit)
END
"$3" -S "$folder" -B "$folder/build" -G Ninja -D CMAKE_PREFIX_PATH="$folder/moved" -D CMAKE_C_COMPILER="$4" >"$folder/log" &&
    "$3" --build "$folder/build" >>"$folder/log" || { cat "$folder/log"; exit 1; }
"$folder/build/consumer"

if [ -e "$folder/moved/bin/tacit" ]; then
    "$folder/moved/bin/tacit" --version
fi
