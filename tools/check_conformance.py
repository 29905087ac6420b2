#!/usr/bin/env python3
"""Every line of docs/conformance.md has a test named after it, every row of docs/defects.md one that
is there, and every number of a defect that the code quotes has a row: check_conformance.py ROOT"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
FOLDERS = ("src", "tests", "helpers")
CODE = ("include", "src", "helpers", "examples", "tests")
SOURCES = {".h", ".hpp", ".c", ".cpp"}
SUFFIXES = {".cpp", ".c", ".py"}


def page(name):
    path = ROOT / "docs" / name
    return path.read_text() if path.exists() else ""


def tests():
    """The text of all tests."""
    paths = [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*_test.*"))]
    return "\n".join(p.read_text() for p in paths if p.suffix in SUFFIXES)


def quoted():
    """{number of a defect: a file that quotes it}."""
    found = {}
    for path in (p for folder in CODE for p in sorted((ROOT / folder).rglob("*"))):
        if path.suffix in SOURCES:
            for number in re.findall(r"\b[HKOUMVNDE]-\d+\b", path.read_text()):
                found.setdefault(number, path.relative_to(ROOT))
    return found


def problems():
    rows = set(re.findall(r"\b[A-Z]-\d+\b", " ".join(
        re.findall(r"^\| ([A-Z]-\d[^|]*)", page("defects.md"), re.MULTILINE))))
    for number, path in quoted().items():
        if number not in rows:
            yield f"docs/defects.md: there is no row {number}, which {path} quotes"
    text = tests()
    named = set(re.findall(r"conformance_(\d+)_\w", text))
    for number in re.findall(r"^(\d+)\. ", page("conformance.md"), re.MULTILINE):
        if number not in named:
            yield f"docs/conformance.md: line {number} has no test"
    for row in re.findall(r"^\| ([A-Z]-\d.*)", page("defects.md"), re.MULTILINE):
        for test in re.findall(r"`(\w+_\w+_\w+)`", row.split(" | ")[-1]):
            if not re.search(rf"\b{test}\b", text):
                yield f"docs/defects.md: {row.split(' ')[0]}: there is no test {test}"


found = list(problems())
print("\n".join(found), end="\n" if found else "")
sys.exit(1 if found else 0)
