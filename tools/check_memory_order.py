#!/usr/bin/env python3
"""Memory orders are named in src/sync and nowhere else: check_memory_order.py [ROOT]

The contract is exempt: its inline read of "is anybody listening?" is one relaxed load.
"""
import pathlib
import re
import sys

ORDER = re.compile(r"memory_order|__ATOMIC_[A-Z]|atomic_(thread|signal)_fence|__sync_|asm\s+volatile\s*\(\s*\"\"\s*(:\s*){3}\"memory\"")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = 0
    for top in ("src", "helpers", "examples"):
        for path in sorted((root / top).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.suffix not in {".h", ".hpp", ".c", ".cpp"} or name.startswith("src/sync/"):
                continue
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if ORDER.search(line.split("//")[0]):
                    print(f"{name}:{number}: memory order outside src/sync: {line.strip()}")
                    found = 1
    return found


if __name__ == "__main__":
    sys.exit(main())
