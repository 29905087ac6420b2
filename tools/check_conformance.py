#!/usr/bin/env python3
"""Every line of docs/conformance.md has a test named after it: check_conformance.py ROOT"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
FOLDERS = ("src", "tests", "helpers")
SUFFIXES = {".cpp", ".c", ".py"}


def promised():
    page = (ROOT / "docs/conformance.md").read_text()
    return {int(number) for number in re.findall(r"^(\d+)\. ", page, re.MULTILINE)}


def tested():
    found = set()
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*_test.*")):
            if path.suffix in SUFFIXES:
                found |= {int(n) for n in re.findall(r"conformance_(\d+)_\w", path.read_text())}
    return found


problems = [f"docs/conformance.md: line {n} has no test" for n in sorted(promised() - tested())]
print("\n".join(problems), end="\n" if problems else "")
sys.exit(1 if problems else 0)
