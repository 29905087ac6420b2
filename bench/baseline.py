"""Compare the hot paths' instruction counts with baseline.json: baseline.py PROGRAM [--rewrite]

Fails when one grew by more than 5 %. The counts are of one compiler and its flags; for another there
is nothing to compare with, and the exit status is 77 (skipped).
"""
import json
import pathlib
import shutil
import sys

sys.dont_write_bytecode = True
import measure  # noqa: E402

PATH = pathlib.Path(__file__).resolve().parent / "baseline.json"
GROWTH = 1.05
SKIPPED = 77


def faults(before, now):
    """What is wrong with the counts {row: instructions} of now."""
    for row in sorted({*before, *now}):
        if row not in now:
            yield f"{row}: is in the baseline, but not measured"
        elif row not in before:
            yield f"{row}: {now[row]:.1f} instructions, but not in the baseline"
        elif now[row] > before[row] * GROWTH:
            yield f"{row}: {now[row]:.1f} instructions, {before[row]:.1f} in the baseline"


def count(program):
    counts, failed = measure.instructions(program, "ours")
    for row, words in failed.items():
        print(f"{' · '.join(row)}: not counted: {words}", file=sys.stderr)
    return {" · ".join(row): i for row, i in counts.items()}


def rewrite(program, path=PATH):
    known = json.loads(path.read_text()) if path.exists() else {}
    known[measure.build_of(program)] = dict(sorted(count(program).items()))
    path.write_text(json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def check(program, path=PATH):
    if not shutil.which("valgrind"):
        print("skipped: there is no valgrind")
        return SKIPPED
    build = measure.build_of(program)
    before = json.loads(path.read_text()).get(build)
    if before is None:
        print(f"skipped: {path.name} has no counts for {build}")
        return SKIPPED
    found = list(faults(before, count(program)))
    if found:
        print(*found, "If the change is worth that: bench/run --baseline", sep="\n")
        return 1
    print(f"{len(before)} rows as in {path.name}, for {build}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[2] == "--rewrite":
        sys.exit(rewrite(sys.argv[1]))
    sys.exit(check(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
