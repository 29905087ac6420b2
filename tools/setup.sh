#!/bin/sh
# Install the Debian packages that the verbs of the Makefile need: tools/setup.sh GROUP...
#
#   base    to build, run and test      check   analysis, formatting, instruction counts
#   bench   peers to compare with       soak    fuzzing
#
# Says nothing and changes nothing when all are there. On other systems it only looks for cmake.
set -eu

packages_of() {
  case $1 in
    base)
      echo cmake g++ ninja-build pkg-config python3 libgtest-dev libgmock-dev libpcap-dev \
        libcli11-dev nlohmann-json3-dev libfmt-dev gdb
      ;;
    check) echo clang clang-tidy clang-format libclang-rt-14-dev mandoc valgrind ;;
    bench)
      echo valgrind libboost-dev libsigc++-2.0-dev libglib2.0-dev liblttng-ust-dev liburcu-dev \
        systemtap-sdt-dev libssl-dev libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 \
        tcpdump tcptrace tcpreplay wireshark-common tshark
      ;;
    soak) echo clang libclang-rt-14-dev ;;
    *)
      echo "setup.sh: no group is called '$1' (base, check, bench, soak)" >&2
      exit 2
      ;;
  esac
}

wanted=""
for group in "${@:-base}"; do
  wanted="$wanted $(packages_of "$group")"
done

if ! command -v dpkg-query >/dev/null; then
  command -v cmake >/dev/null && exit 0
  echo "setup.sh: this is no Debian; please install what these Debian packages hold:$wanted" >&2
  exit 1
fi

missing=""
for package in $wanted; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=absent
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup.sh: neither root nor sudo; please install:$missing" >&2
    exit 1
  fi
  as_root="sudo"
fi

echo "setup.sh: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# $missing is a list of words, $as_root may be nothing.
# shellcheck disable=SC2086
if ! { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "setup.sh: could not install$missing" >&2
  exit 1
fi
