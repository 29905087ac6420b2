#!/bin/sh
# Long stress in every build that finds something, then every fuzz target: tools/soak.sh [JOBS]
set -eu
cd "$(dirname "$0")/.."
jobs=${1:-$(nproc)}
seconds=${KHELP_SOAK_SECONDS:-600}
export KHELP_SOAK_SECONDS="$seconds"

for preset in release asan tsan; do
  echo "== stress, $preset, $seconds s each"
  cmake --preset $preset >/dev/null
  cmake --build --preset $preset -j "$jobs"
  ctest --preset $preset -L stress -j 1 --timeout $((seconds * 4 + 600))
done

echo "== fuzzing, $seconds s each"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$jobs" --target fuzzers
for seeds in build/fuzz/bin/fuzz/*.seeds; do
  fuzzer=${seeds%.seeds}
  name=${fuzzer##*/}
  found=build/fuzz/corpus/$name
  mkdir -p "$found"
  log=build/fuzz/$name.log
  # A list of folders, one per line.
  # shellcheck disable=SC2046
  if ! "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -print_funcs=0 -artifact_prefix="build/fuzz/$name-" "$found" $(cat "$seeds") >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "soak: fuzz target $name failed; the input lies beside $log" >&2
    exit 1
  fi
  echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
done
echo "soak: clean"
