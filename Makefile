# The verbs. Everything behind them is CMake: see CMakePresets.json.
#
#   make run      replay a real capture through the ertt helper
#   make test     build and test                                    (minutes)
#   make check    test, sanitizers, analysis: before every push     (a quarter of an hour)
#   make bench    libkhelp, its peers and the limits, side by side
#   make soak     long stress and fuzzing (KHELP_SOAK_SECONDS each, 600)
#   make install  the release build to PREFIX (/usr/local); DESTDIR for packages
#   make format   clang-format everything      make clean   forget every build

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
export CTEST_PARALLEL_LEVEL ?= $(JOBS)
TRACES := $(if $(KHELP_TRACES_DIR),-DKHELP_TRACES_DIR=$(abspath $(KHELP_TRACES_DIR)))

# $(call build,PRESET,TARGETS): configure quietly, then build.
build = mkdir -p build; cmake --preset $(1) $(TRACES) >build/configure-$(1).log 2>&1 \
	  || { cat build/configure-$(1).log; exit 1; }; \
	cmake --build --preset $(1) -j $(JOBS) $(if $(2),--target $(2))

.PHONY: run test check check-rest bench soak install clean format setup-base

run: setup-base
	@$(call build,release,khelp_program_khelp khelp_helpers)
	@echo
	build/bin/khelp replay --load ertt tests/data/gt-20ms-bulk.snd.pcap

test: setup-base
	@$(call build,release)
	@ctest --preset release

check: test check-rest

# What `check` does beyond `test`.
check-rest: setup-base
	@tools/setup.sh check
	@echo "== AddressSanitizer, UndefinedBehaviorSanitizer"
	@$(call build,asan)
	@ctest --preset asan
	@echo "== ThreadSanitizer"
	@$(call build,tsan)
	@ctest --preset tsan
	@echo "== instruction counts"
	@$(call build,release,khelp_bench)
	@ctest --preset release -R '^bench\.'
	@echo "== analysis"
	@$(call build,analyze)
	@ctest --preset analyze

bench: setup-base
	@tools/setup.sh bench
	@$(call build,bench)
	@bench/run

soak: setup-base
	@tools/setup.sh soak
	@tools/soak.sh $(JOBS)

install: setup-base
	@$(call build,release,khelp khelp_program_khelp khelp_helpers)
	@cmake --install build --prefix $(PREFIX) >build/install.log || { cat build/install.log; exit 1; }
	@echo "installed under $(DESTDIR)$(PREFIX) (build/install.log); if programs do not find it: ldconfig"

format:
	@tools/setup.sh check
	@tools/format.sh --write

clean:
	rm -rf build

setup-base:
	@tools/setup.sh base
