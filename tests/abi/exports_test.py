"""libkhelp.so exports the names in the list and no others: exports_test.py NM LIBRARY LIST [--write]

It is loaded into other people's programs, where a stray name would replace theirs; so every name
begins with khelp_. --write brings the list up to date: the change then shows in review.
"""
import pathlib
import subprocess
import sys


def exported(nm, library):
    lines = subprocess.run([nm, "-D", "--defined-only", library], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return {line.split()[-1] for line in lines}


def main():
    nm, library, path = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    names = exported(nm, library)
    strangers = sorted(name for name in names if not name.startswith("khelp_"))
    for name in strangers:
        print(f"{name}: exported without the prefix khelp_")
    if "--write" in sys.argv:
        path.write_text("".join(f"{name}\n" for name in sorted(names)))
    listed = set(path.read_text().split())
    for name in sorted(names - listed):
        print(f"{name}: exported, but not in {path}")
    for name in sorted(listed - names):
        print(f"{name}: in {path}, but not exported")
    return 1 if strangers or names != listed else 0


if __name__ == "__main__":
    sys.exit(main())
