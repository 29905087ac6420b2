#!/bin/sh
# Is every C and C++ file formatted? `--write` formats them instead.
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
  --write) set -- -i ;;
  *) set -- --dry-run --Werror ;;
esac
git ls-files -z --cached --others --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp' |
  xargs -0 clang-format "$@"
