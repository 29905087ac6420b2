#!/usr/bin/env python3
"""The pages of man/ say what the headers say: manpages_test.py REPOSITORY

A prototype in a SYNOPSIS is the header's, argument for argument; every function of the contract is in
one; khelp(1) has the program's options and no others; and mandoc finds nothing wrong with a page
(skipped where it is not installed).
"""
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
PAGES = sorted((ROOT / "man").glob("*.[1-9]"))
CONTRACT = ROOT / "include/khelp"
PERSONALITIES = sorted((ROOT / "src/personality").glob("*/include"))


def plain(words):
    """A type or an argument with its spaces where they cannot differ."""
    words = re.sub(r"\s+", " ", words).strip()
    return re.sub(r"\s*([*(),])\s*", r"\1", words)


def arguments(words):
    """Split at the commas that are not inside parentheses."""
    parts, depth = [""], 0
    for letter in words:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [plain(part) for part in parts]


def functions_of(header):
    """{name: (result, arguments)} of what a header declares for others."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header.read_text(), flags=re.DOTALL)
    text = re.sub(r"KHELP_NOTHROW|__attribute__\(\(.*?\)\)", " ", text)
    found = {}
    for match in re.finditer(r"\b(?:KHELP_API(?:_HOT)?|static inline)\s+([\w\s*]+?)\b(\w+)\(", text):
        depth, end = 1, match.end()
        while depth > 0:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        found[match[2]] = (plain(match[1]), arguments(text[match.end():end - 1]))
    return found


def words_of(line):
    """The arguments of a macro: quoted ones keep their spaces."""
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]


def prototypes_of(page):
    """[(name, result, arguments)] of a page's SYNOPSIS."""
    text = page.read_text()
    synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", text, re.DOTALL | re.MULTILINE)
    found, result, name, args = [], None, None, []
    for line in synopsis[1].splitlines() if synopsis else []:
        macro, _, rest = line.partition(" ")
        if macro == ".Ft":
            result = plain(" ".join(words_of(rest)))
        elif macro == ".Fn":
            name, *args = words_of(rest)
            found.append((name, result, [plain(arg) for arg in args]))
        elif macro == ".Fo":
            name, args = rest.strip(), []
        elif macro == ".Fa":
            args += [plain(arg) for arg in words_of(rest)]
        elif macro == ".Fc":
            found.append((name, result, args))
    return found


class Manpages(unittest.TestCase):
    def test_prototypes_are_the_headers(self):
        declared = {}
        for root in (CONTRACT, *PERSONALITIES):
            for header in sorted(root.rglob("*.h")):
                for name, shape in functions_of(header).items():
                    declared.setdefault(name, []).append(shape)
        shown = [(page.name, *prototype) for page in PAGES for prototype in prototypes_of(page)]
        self.assertTrue(shown)
        macros = {name for header in CONTRACT.glob("*.h*")
                  for name in re.findall(r"^#define (\w+)\(", header.read_text(), re.MULTILINE)}
        for page, name, result, args in shown:
            with self.subTest(page=page, function=name):
                if name.isupper() and name not in declared:
                    self.assertIn(name, macros)
                else:
                    self.assertIn((result, args), declared.get(name, []))

    def test_every_function_of_the_contract_is_in_a_page(self):
        shown = {prototype[0] for page in PAGES for prototype in prototypes_of(page)}
        for header in sorted(CONTRACT.glob("*.h")):
            with self.subTest(header=header.name):
                self.assertEqual(sorted(functions_of(header).keys() - shown), [])

    def test_a_page_is_named_and_shows_what_it_names(self):
        for page in PAGES:
            with self.subTest(page=page.name):
                title, section = re.search(r"^\.Dt (\S+) (\d)", page.read_text(), re.MULTILINE).groups()
                self.assertEqual(f"{title.lower()}.{section}", page.name)
                named = set(re.findall(r"^\.Nm (\w+)", page.read_text(), re.MULTILINE))
                shown = {prototype[0] for prototype in prototypes_of(page)}
                self.assertLessEqual({name for name in shown if not name.isupper()}, named)

    def test_pages_of_ours_that_others_refer_to_are_there(self):
        ours = {page.name for page in PAGES}
        names = {name.rsplit(".", 1)[0] for name in ours}
        for page in PAGES:
            for name, section in re.findall(r"^\.Xr (\S+) (\d)", page.read_text(), re.MULTILINE):
                with self.subTest(page=page.name, reference=f"{name}({section})"):
                    self.assertTrue(f"{name}.{section}" in ours or name not in names and section in "123478")

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_has_nothing_to_say(self):
        for page in PAGES:
            with self.subTest(page=page.name):
                said = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page],
                                      capture_output=True, text=True, check=False)
                self.assertEqual(said.stdout + said.stderr, "")


if __name__ == "__main__":
    unittest.main()
