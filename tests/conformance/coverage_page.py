"""What the tests of docs/freebsd.md, docs/netbsd.md and docs/darwin.md share.

Each page shows files of the tree, and has a table under "## Coverage": names in the first cell, and in the last one
the tests that show it, as `file: `test`, `test``.
"""

import re
import sys
from pathlib import Path

# A shown file: the comment that names it, then a block with its text.
SHOWN = re.compile(r"(<!-- file: (\S+) -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)
TESTS = re.compile(r"\bTEST(?:_F)?\((?:\w+,\s*)?(\w+)\)|\bdef (test_\w+)")


def arguments():
    """The repository, and whether the shown files are to be brought up to date (--write)."""
    write = "--write" in sys.argv
    if write:
        sys.argv.remove("--write")
    return Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve(), write


def tests_in(path):
    return {a or b for a, b in TESTS.findall(path.read_text())}


def functions_in(header):
    """The functions that a header of an include root defines."""
    return set(re.findall(r"^static inline [\w* ]*?\b(\w+)\(", header.read_text(), re.MULTILINE))


class Page:
    def __init__(self, repository, name, end):
        """end: the heading behind the table."""
        self.repository, self.path, self.end = repository, repository / name, end

    def shown(self):
        """(name, text on the page, text of the file) of every shown file."""
        return [(name, body, (self.repository / name).read_text())
                for _, name, body, _ in SHOWN.findall(self.path.read_text())]

    def write(self):
        self.path.write_text(SHOWN.sub(lambda m: m[1] + (self.repository / m[2]).read_text() + m[4],
                                       self.path.read_text()))

    def rows(self):
        text = self.path.read_text()
        for line in text[text.index("\n## Coverage"):text.index(f"\n## {self.end}")].splitlines():
            if line.startswith("| ") and not line.startswith(("| name", "| header")):
                yield [cell.strip() for cell in line.strip("|").split(" | ")]

    def names(self):
        """Every name that has a row."""
        return {name for cells in self.rows() for name in re.findall(r"`(\w+)`", cells[0])}


class CoverageTests:
    """Mixed into a TestCase that sets `page`, and `known`: tests by their file's short name."""

    elsewhere = r"$^"  # a last cell that names no test of ours

    def test_files_shown_are_the_files(self):
        for name, on_page, in_tree in self.page.shown():
            with self.subTest(file=name):
                self.assertEqual(on_page, in_tree)

    def test_every_row_names_tests_that_exist(self):
        for cells in self.page.rows():
            with self.subTest(row=cells[0]):
                named = re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", cells[-1])
                self.assertTrue(named or re.search(self.elsewhere, cells[-1]), cells[-1])
                for file, names in named:
                    for name in re.findall(r"`(\w+)`", names):
                        self.assertIn(name, self.known.get(file, set()), file)
