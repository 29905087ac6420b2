#!/usr/bin/env python3
"""FreeBSD's own helper modules, unmodified, in an ordinary process.

usage: stock_modules_test.py --source FREEBSD_TREE --repository . --build build [--captures DIR]...

The modules are compiled from the FreeBSD tree against the include root and replayed beside ours
over every capture below the --captures folders: `struct ertt` must equal what our ertt keeps for
other modules, number by number, and h_example must count what our count_native counts. Congestion
control modules compile, and are refused in words. Without a tree the test is skipped (exit code 77). Nothing of the tree is copied into this repository.
"""

import argparse
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SKIPPED = 77
CONGESTION_CONTROL = ("vegas", "hd", "chd", "cdg")
COMPILERS = [compiler for compiler in ("gcc", "clang") if shutil.which(compiler)]
DIALECTS = ["gnu11", "gnu17", "gnu2x"]
REPLAY_TIMEOUT = 600  # seconds, for one capture under a sanitizer
arguments = None


def release_of(source):
    """Whose types a congestion control module uses, as KHELP_FREEBSD_RELEASE has it."""
    text = source.read_text()
    if "ccsignal_t" in text:
        return 15
    return 14 if "_data_sz(void)" in text else 13


def module_source(name):
    if name in CONGESTION_CONTROL:
        return arguments.source / f"sys/netinet/cc/cc_{name}.c"
    return {
        "h_ertt": arguments.source / "sys/netinet/khelp/h_ertt.c",
        "h_example": arguments.source / "share/examples/kld/khelp/h_example.c",
    }[name]


def compile_module(name, folder, compiler=COMPILERS[0], *options):
    module = Path(folder) / f"{name}.so"
    done = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", *options,
         f"-I{arguments.repository}/src/personality/freebsd/include",
         f"-I{arguments.repository}/include", "-o", module, module_source(name)],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{compiler} {' '.join(options)} {name}:\n{done.stderr}")
    return module


def captures():
    found = []
    for folder in arguments.captures:
        found += [path for path in sorted(folder.rglob("*.pcap*")) if path.is_file()
                  and path.suffix in (".pcap", ".pcapng")]
    return found


def replay(helper, capture, *options):
    """The exit code, and the parsed report (None when the capture was not even begun)."""
    done = subprocess.run([arguments.build / "bin/khelp", "replay", "--load", helper, "--json",
                           "--module-path", arguments.build / "lib/khelp", *options, capture],
                          capture_output=True, text=True, timeout=REPLAY_TIMEOUT)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def directions(report, helper):
    """{(connection, source, destination): what the helper says}."""
    if report is None:
        return {}
    return {(index, direction["src"], direction["dst"]): direction["helpers"].get(helper)
            for index, connection in enumerate(report["connections"])
            for direction in connection["directions"]}


class StockModules(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_they_compile_unchanged_with_every_compiler_and_dialect(self):
        for name in ("h_ertt", "h_example"):
            for compiler in COMPILERS:
                for dialect in DIALECTS:
                    for options in ([], ["-DINVARIANTS"]):
                        with self.subTest(name=name, compiler=compiler, dialect=dialect):
                            compile_module(name, self.folder, compiler, f"-std={dialect}",
                                           *options)

    def test_they_are_described_without_running_their_code(self):
        for name, module in (("h_ertt", "ertt"), ("h_example", "example")):
            with self.subTest(name=name):
                done = subprocess.run([arguments.build / "bin/khelp", "check",
                                       compile_module(name, self.folder)],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn(module, done.stdout)

    def test_congestion_control_modules_compile_unchanged_and_are_refused_in_words(self):
        for name in CONGESTION_CONTROL:
            release = f"-DKHELP_FREEBSD_RELEASE={release_of(module_source(name))}"
            for compiler in COMPILERS:
                for options in ([], ["-DINVARIANTS"], ["-DVIMAGE"]):
                    with self.subTest(name=name, compiler=compiler, options=options):
                        module = compile_module(name, self.folder, compiler, release, *options,
                                                "-Werror=incompatible-pointer-types",
                                                "-Werror=implicit-function-declaration")
                        done = subprocess.run(
                            [arguments.build / "bin/khelp", "replay", "--load", module,
                             "--module-path", arguments.build / "lib/khelp", captures()[0]],
                            capture_output=True, text=True, timeout=REPLAY_TIMEOUT)
                        self.assertNotEqual(done.returncode, 0)
                        self.assertIn(f'"{name}": not loaded, nothing here would run it',
                                      done.stderr)

    def test_struct_ertt_equals_the_native_helpers_ticks_over_every_capture(self):
        stock = compile_module("h_ertt", self.folder, COMPILERS[0], "-DINVARIANTS")
        compared = 0
        for capture in captures():
            with self.subTest(capture=str(capture)):
                stock_code, stock_report, words = replay(stock, capture)
                native_code, native_report, _ = replay("ertt", capture)
                self.assertEqual(stock_code, native_code, words)
                theirs = directions(stock_report, "ertt")
                ours = directions(native_report, "ertt")
                self.assertEqual(theirs.keys(), ours.keys())
                for key, data in theirs.items():
                    self.assertEqual(data and data["ticks"], ours[key] and ours[key]["ticks"], key)
                    compared += data is not None
        print(f"compared struct ertt of {compared} directions in {len(captures())} captures",
              file=sys.stderr)
        self.assertGreater(compared, 0, "no capture had anything to compare")

    def test_h_example_counts_what_our_count_counts_from_zero(self):  # K-40
        stock = compile_module("h_example", self.folder)
        compared = 0
        for capture in captures():
            with self.subTest(capture=str(capture)):
                _, stock_report, _ = replay(stock, capture, "--raw")
                _, native_report, _ = replay("count_native", capture)
                ours = directions(native_report, "count_native")
                for key, data in directions(stock_report, "example").items():
                    if data is None:
                        self.assertIsNone(ours[key], key)
                        continue
                    received, sent = struct.unpack("=II", bytes.fromhex(data["raw"]))
                    self.assertEqual((received, sent), (ours[key]["received"], ours[key]["sent"]))
                    compared += 1
        self.assertGreater(compared, 0, "no capture had anything to compare")


def main():
    global arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", default="")
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--captures", type=Path, action="append", default=[])
    arguments, rest = parser.parse_known_args()
    if not arguments.source:
        print("KHELP_FREEBSD_SRC names no FreeBSD tree: skipped")
        return SKIPPED
    arguments.source = Path(arguments.source)
    missing = [str(module_source(name)) for name in ("h_ertt", "h_example")
               if not module_source(name).is_file()]
    if missing:
        print("not a FreeBSD tree: no " + ", no ".join(missing))
        return 1
    return 0 if unittest.main(argv=[sys.argv[0], *rest], verbosity=2, exit=False).result \
        .wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
