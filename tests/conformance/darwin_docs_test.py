#!/usr/bin/env python3
"""docs/darwin.md says what is true of the tree, and the include root compiles header by header.

usage: darwin_docs_test.py REPOSITORY [--write]     (--write brings the shown file up to date)
"""

import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

WRITE = "--write" in sys.argv
if WRITE:
    sys.argv.remove("--write")
REPOSITORY = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
PAGE = REPOSITORY / "docs/darwin.md"
ROOT = REPOSITORY / "src/personality/darwin/include"
SHOWN = re.compile(r"(<!-- file: (\S+) -->\n```c\n)(.*?)(```\n)", re.DOTALL)
FILES = {"core_sflt": "src/core/sflt_test.cpp",
         "memory": "tests/conformance/darwin_memory_test.c",
         "sleep": "tests/conformance/darwin_sleep_test.c",
         "utilities_malloc": "src/utilities/malloc_test.cpp", "utilities_proc": "src/utilities/proc_test.cpp",
         "utilities_sleep": "src/utilities/sleep_test.cpp", "stress": "tests/stress/sleep_test.cpp",
         "base_log": "src/base/log_test.cpp"}
HOST_HEADERS = ["errno.h", "malloc.h", "pthread.h", "signal.h", "stdio.h", "stdlib.h", "string.h",
                "sys/socket.h", "sys/types.h", "time.h", "unistd.h"]


def rows():
    section = PAGE.read_text()
    section = section[section.index("\n## Coverage"):section.index("\n## Not provided")]
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith("| name"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


class Docs(unittest.TestCase):
    def test_the_file_shown_is_the_file_and_is_short(self):
        shown = SHOWN.findall(PAGE.read_text())
        self.assertEqual(len(shown), 1)
        for _, name, body, _ in shown:
            self.assertEqual(body, (REPOSITORY / name).read_text())
            self.assertLess(len(body.splitlines()), 80)

    def test_every_row_names_tests_that_exist(self):
        known = {name: set(re.findall(r"\bTEST(?:_F)?\((?:\w+,\s*)?(\w+)\)",
                                      (REPOSITORY / path).read_text()))
                 for name, path in FILES.items()}
        for cells in rows():
            with self.subTest(row=cells[0]):
                named = re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", cells[-1])
                self.assertTrue(named)
                for file, names in named:
                    for name in re.findall(r"`(\w+)`", names):
                        self.assertIn(name, known[file], file)

    def test_every_function_of_the_include_root_has_a_row(self):
        told = {name for cells in rows() for name in re.findall(r"`(\w+)`", cells[0])}
        functions = {name for header in ROOT.rglob("*.h") for name in re.findall(
            r"^static inline [\w* ]*?\b(\w+)\(", header.read_text(), re.MULTILINE)}
        self.assertGreater(len(functions), 40)
        self.assertLessEqual(functions, told)


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
        PAGE.write_text(SHOWN.sub(
            lambda m: m[1] + (REPOSITORY / m[2]).read_text() + m[4], PAGE.read_text()))
    unittest.main(verbosity=2)
