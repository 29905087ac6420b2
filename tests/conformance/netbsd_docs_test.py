#!/usr/bin/env python3
"""docs/netbsd.md says what is true of the tree.

usage: netbsd_docs_test.py REPOSITORY [--write]     (--write brings the shown file up to date)
"""

import re
import sys
import unittest
from pathlib import Path

WRITE = "--write" in sys.argv
if WRITE:
    sys.argv.remove("--write")
REPOSITORY = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
PAGE = REPOSITORY / "docs/netbsd.md"
ROOT = REPOSITORY / "src/personality/netbsd/include"
SHOWN = re.compile(r"(<!-- file: (\S+) -->\n```c\n)(.*?)(```\n)", re.DOTALL)


def tests_named():
    """Every test by its file's short name: {"simplehook": {"conformance_44_…", …}, "core": {…}}."""
    files = {path.stem[len("netbsd_"):-len("_test")]: path
             for path in (REPOSITORY / "tests/conformance").glob("netbsd_*_test.c")}
    files["core"] = REPOSITORY / "src/core/hook_list_test.cpp"
    return {name: set(re.findall(r"\bTEST\((?:\w+, )?(\w+)\)", path.read_text()))
            for name, path in files.items()}


def rows():
    section = PAGE.read_text()
    section = section[section.index("\n## Coverage"):section.index("\n## Not provided")]
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith("| name"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


class Docs(unittest.TestCase):
    def test_the_file_shown_is_the_file(self):
        shown = SHOWN.findall(PAGE.read_text())
        self.assertEqual(len(shown), 1)
        for _, name, body, _ in shown:
            self.assertEqual(body, (REPOSITORY / name).read_text())

    def test_every_row_names_tests_that_exist(self):
        known = tests_named()
        for cells in rows():
            with self.subTest(row=cells[0]):
                named = re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", cells[-1])
                self.assertTrue(named)
                for file, names in named:
                    for name in re.findall(r"`(\w+)`", names):
                        self.assertIn(name, known.get(file, set()), file)

    def test_every_function_of_the_include_root_has_a_row(self):
        told = {name for cells in rows() for name in re.findall(r"`(\w+)`", cells[0])}
        functions = {name for header in ROOT.rglob("*.h") for name in re.findall(
            r"^static inline [\w* ]*?\b(\w+)\(", header.read_text(), re.MULTILINE)}
        functions = {name for name in functions if not name.startswith("khelp_netbsd_")}
        self.assertGreater(len(functions), 30)
        self.assertLessEqual(functions, told)


if __name__ == "__main__":
    if WRITE:
        PAGE.write_text(SHOWN.sub(
            lambda m: m[1] + (REPOSITORY / m[2]).read_text() + m[4], PAGE.read_text()))
    unittest.main(verbosity=2)
