#!/usr/bin/env python3
"""docs/darwin.md says what is true of the tree, and the include root compiles header by header.

usage: darwin_docs_test.py REPOSITORY [--write]     (--write brings the shown file up to date)
"""

import shutil
import subprocess
import unittest

import coverage_page

REPOSITORY, WRITE = coverage_page.arguments()
PAGE = coverage_page.Page(REPOSITORY, "docs/darwin.md", "Not provided")
ROOT = REPOSITORY / "src/personality/darwin/include"
FILES = {"alloc": "tests/conformance/alloc_failure/alloc_failure_test.cpp",
         "core_sflt": "src/core/filters/sflt_test.cpp",
         "memory": "tests/conformance/darwin_memory_test.c",
         "sleep": "tests/conformance/darwin_sleep_test.c",
         "utilities_malloc": "src/utilities/malloc_test.cpp",
         "utilities_proc": "src/utilities/proc_test.cpp",
         "utilities_sleep": "src/utilities/sleep_test.cpp", "stress": "tests/stress/sleep_test.cpp",
         "base_log": "src/base/log_test.cpp"}
HOST_HEADERS = ["errno.h", "malloc.h", "pthread.h", "signal.h", "stdio.h", "stdlib.h", "string.h",
                "sys/socket.h", "sys/types.h", "time.h", "unistd.h"]


class Docs(coverage_page.CoverageTests, unittest.TestCase):
    page = PAGE
    known = {name: coverage_page.tests_in(REPOSITORY / path) for name, path in FILES.items()}

    def test_one_file_is_shown_and_it_is_short(self):
        (_, text, _), = PAGE.shown()
        self.assertLess(len(text.splitlines()), 80)

    def test_every_function_of_the_include_root_has_a_row(self):
        functions = {name for header in ROOT.rglob("*.h")
                     for name in coverage_page.functions_in(header)}
        self.assertGreater(len(functions), 40)
        self.assertLessEqual(functions, PAGE.names())


class Headers(unittest.TestCase):
    def accepts(self, headers):
        text = "".join(f"#include <{h}>\n" for h in headers) + "extern int one;\n"
        for compiler in filter(shutil.which, ("gcc", "clang")):
            for dialect in ("gnu11", "gnu17"):
                done = subprocess.run(
                    [compiler, f"-std={dialect}", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                     f"-I{ROOT}", f"-I{REPOSITORY / 'include'}", "-xc", "-"],
                    input=text, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, f"{compiler} {headers}\n{done.stderr}")

    def test_each_header_compiles_alone_and_with_the_hosts_before_and_after(self):
        for header in sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*.h")):
            with self.subTest(header=header):
                self.accepts([header])
                self.accepts([*HOST_HEADERS, header])
                self.accepts([header, *HOST_HEADERS])


if __name__ == "__main__":
    if WRITE:
        PAGE.write()
    unittest.main(verbosity=2)
