#!/usr/bin/env python3
"""Every unit of src/ is named in the row of its folder in docs/map.md, and nothing else is: check_map.py [ROOT]

A unit is a .cpp and a .hpp of one name; tests and include roots are none.
"""
import pathlib
import re
import sys

ROW = re.compile(r"^\| `(src/[\w/]+)/` \| (.*) \|$")
NAME = re.compile(r"`(\w+)`")


def rows(page):
    """{folder: names} of the table under "Room by room"."""
    text = page.read_text().partition("\n## Room by room\n")[2].partition("\n## ")[0]
    return {match[1]: set(NAME.findall(match[2])) for match in map(ROW.match, text.splitlines()) if match}


def units(root):
    found = {}
    for path in sorted((root / "src").rglob("*.[ch]pp")):
        folder = path.parent.relative_to(root)
        if path.stem.endswith("_test") or {"include", "fixtures", "test_modules"} & set(folder.parts):
            continue
        found.setdefault(folder.as_posix(), set()).add(path.stem)
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    named, there = rows(root / "docs" / "map.md"), units(root)
    faults = []
    for folder in sorted(named.keys() | there.keys()):
        missing = there.get(folder, set()) - named.get(folder, set())
        stale = named.get(folder, set()) - there.get(folder, set())
        faults += [f"docs/map.md: the row of {folder}/ does not name {unit}" for unit in sorted(missing)]
        faults += [f"docs/map.md: the row of {folder}/ names {unit}, which is not there" for unit in sorted(stale)]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
