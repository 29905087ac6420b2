#!/usr/bin/env python3
"""Every relative link and every path in `backticks` of the map leads somewhere: check_links.py [ROOT]"""
import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`([\w./-]+/[\w./-]*)`")


def targets(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for match in LINK.finditer(line):
            yield number, path.parent / match[1], match[1]
    if path.name == "map.md":
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for match in PATH.finditer(line):
                yield number, path.parent.parent / match[1], match[1]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = 0
    pages = [p for p in root.rglob("*.md") if "build" not in p.relative_to(root).parts]
    for page in sorted(pages):
        for number, target, written in targets(page):
            if not target.exists():
                print(f"{page.relative_to(root)}:{number}: leads nowhere: {written}")
                found = 1
    return found


if __name__ == "__main__":
    sys.exit(main())
