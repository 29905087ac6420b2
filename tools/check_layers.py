#!/usr/bin/env python3
"""Check who includes whom: check_layers.py [ROOT]

src/layers.txt lists the folders of src/ and, for each, the folders below it that it may use. Three
rules follow:
  - a file in src/ includes its own folder, those its line names, and the contract <khelp/...>;
  - a file outside src/ sees only the contract, and files beside itself (tests/fuzz apart: fuzz
    targets look inside, as unit tests do);
  - the contract includes only itself and the standard headers.
A fourth keeps reports alike: the program reads what is loaded through src/snapshot.
The table must be a DAG: each folder names only folders that are listed above it; and a folder of
headers for others (an include root) uses none.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
SOURCE = {".h", ".hpp", ".c", ".cpp"}
OUTSIDE = ("helpers", "examples", "bench", "tests")
# What the C and C++ standards and POSIX name; the contract may use no other header.
STANDARD = re.compile(r"^(c?(assert|errno|limits|stdarg|stddef|stdint|string)(\.h)?|stdbool\.h|[a-z_]+)$")
# Folders that show what is loaded, and the contract's listings of it.
READERS = ("app",)
LISTING = re.compile(r"\b(khelp_(?:modules|stats_hooks|stats_helpers|uma_stats|malloc_stats))\s*\(")


def read_table(path):
    table, faults = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        folder, _, below = line.partition(":")
        for used in below.split():
            if used not in table:
                faults.append(f"{path}:{number}: {folder} may not use {used}: not listed above it")
        table[folder] = set(below.split())
    return table, faults


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1] == "<", match[2]


def folder_of(name, table):
    """The longest folder of the table that holds `name` (a path below src/), or None."""
    held = [folder for folder in table if name.startswith(folder + "/")]
    return max(held, key=len, default=None)


def sources(root):
    return sorted(p for p in root.rglob("*") if p.suffix in SOURCE) if root.is_dir() else []


def check_table(root, table):
    for folder, used in table.items():
        files = sources(root / "src" / folder)
        if used and files and not any(path.suffix == ".cpp" for path in files):
            yield f"src/layers.txt: {folder} is headers for others, and uses {', '.join(sorted(used))}"


def check_inside(root, table):
    src = root / "src"
    for path in sources(src):
        own = folder_of(path.relative_to(src).as_posix(), table)
        if own is None:
            yield f"{path.relative_to(root)}: its folder is not in src/layers.txt"
            continue
        for number, _, name in includes(path):
            other = folder_of(name, table)
            # A folder may be the top of an include root of its own (personality/freebsd/include).
            if other in (None, own) or other in table[own]:
                continue
            yield f"{path.relative_to(root)}:{number}: {own} may not include {other}"


def check_outside(root, table):
    for top in OUTSIDE:
        for path in sources(root / top):
            if path.is_relative_to(root / "tests" / "fuzz"):
                continue
            for number, _, name in includes(path):
                if folder_of(name, table) and not (path.parent / name).exists():
                    yield f"{path.relative_to(root)}:{number}: outside src/ only <khelp/...>: {name}"
                elif name.startswith("../"):
                    yield f"{path.relative_to(root)}:{number}: leaves its folder: {name}"


def check_contract(root):
    for path in sources(root / "include"):
        for number, angled, name in includes(path):
            if angled and (name.startswith("khelp/") or STANDARD.match(name)):
                continue
            yield f"{path.relative_to(root)}:{number}: the contract may not include {name}"


def check_snapshot(root):
    """Above the contract, what is loaded is read by src/snapshot and by nobody else."""
    for top in READERS:
        for path in sources(root / "src" / top):
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if match := LISTING.search(line):
                    yield f"{path.relative_to(root)}:{number}: {match[1]} is for src/snapshot: read its values"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    table, faults = read_table(root / "src" / "layers.txt")
    faults += [*check_table(root, table), *check_inside(root, table), *check_outside(root, table), *check_contract(root),
               *check_snapshot(root)]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
