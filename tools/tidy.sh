#!/bin/sh
# clang-tidy over every source that the build in DIR compiles: tools/tidy.sh DIR
set -eu
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! run-clang-tidy -quiet -p "$1" -j "$(nproc)" "^$PWD/(src|helpers|examples)/" >"$log" 2>&1; then
  sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -v '^clang-tidy\|warnings generated\|^Use -\|^Suppressed\|^$'
  exit 1
fi
