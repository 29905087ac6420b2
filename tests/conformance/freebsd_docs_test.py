#!/usr/bin/env python3
"""README.md, docs/freebsd.md and docs/write-a-helper.md say what is true of the tree.

usage: freebsd_docs_test.py REPOSITORY [--write]     (--write brings the shown files up to date)
"""

import re
import sys
import unittest
from pathlib import Path

WRITE = "--write" in sys.argv
if WRITE:
    sys.argv.remove("--write")
REPOSITORY = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
PAGES = [REPOSITORY / "docs/freebsd.md", REPOSITORY / "docs/write-a-helper.md",
         REPOSITORY / "README.md"]
ROOT = REPOSITORY / "src/personality/freebsd/include"
# A shown file: the comment that names it, then a block with its text.
SHOWN = re.compile(r"(<!-- file: (\S+) -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)


def tests_named():
    """Every test of this folder by its file's short name: {"hhook": {"a_point_…", …}, …}."""
    found = {}
    for path in (REPOSITORY / "tests/conformance").glob("freebsd_*_test.*"):
        names = re.findall(r"\bTEST\((?:\w+, )?(\w+)\)|\bdef (test_\w+)", path.read_text())
        found[path.stem[len("freebsd_"):-len("_test")]] = {a or b for a, b in names}
    return found


def table_rows(text):
    section = text[text.index("\n## Coverage"):text.index("\n## Where the manual")]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and not line.startswith(("| name", "| header")):
            yield cells


class Docs(unittest.TestCase):
    def test_files_shown_are_the_files(self):
        shown = 0
        for page in PAGES:
            text = page.read_text()
            for _, name, body, _ in SHOWN.findall(text):
                with self.subTest(page=page.name, file=name):
                    self.assertEqual(body, (REPOSITORY / name).read_text())
                    shown += 1
        self.assertEqual(shown, 6)

    def test_every_row_names_tests_that_exist(self):
        known = tests_named()
        for cells in table_rows(PAGES[0].read_text()):
            with self.subTest(row=cells[0]):
                self.assertRegex(cells[-1], r"[a-z]+: `|freebsd_module_load_test|tests/upstream")
                for file, names in re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", cells[-1]):
                    for name in re.findall(r"`(\w+)`", names):
                        self.assertIn(name, known.get(file, set()), file)

    def test_every_function_of_the_include_root_has_a_row(self):
        rows = " ".join(cells[0] for cells in table_rows(PAGES[0].read_text()))
        rows = re.sub(r"`(\w+)`, `…(_\w+)`", r"`\1` `\1\2`", rows)
        for header in ("sys/hhook.h", "sys/linker.h", "sys/malloc.h", "sys/module.h", "sys/osd.h", "vm/uma.h",
                       "net/vnet.h"):
            text = (ROOT / header).read_text()
            for name in re.findall(r"^static inline [\w* ]*?(\w+)\(", text, re.MULTILINE):
                with self.subTest(header=header, function=name):
                    self.assertIn(f"`{name}`", rows)
        contract = (REPOSITORY / "include/khelp/khelp.h").read_text()
        for name in ("khelp_modevent", "khelp_register_helper", "khelp_deregister_helper",
                     "khelp_init_osd", "khelp_destroy_osd", "khelp_get_osd", "khelp_get_id",
                     "khelp_add_hhook", "khelp_remove_hhook", "khelp_class_has_osd"):
            self.assertIn(f" {name}(", contract.replace("*", " "))
            self.assertIn(f"`{name}`", rows)


def write():
    for page in PAGES:
        page.write_text(SHOWN.sub(
            lambda m: m[1] + (REPOSITORY / m[2]).read_text() + m[4], page.read_text()))


if __name__ == "__main__":
    if WRITE:
        write()
    unittest.main(verbosity=2)
