"""Run the programs: what khelp_bench lists, how long a row takes, how many instructions it has."""
import math
import os
import pathlib
import subprocess
import tempfile


def lines(program, *arguments, preload=None):
    environment = {**os.environ, "LTTNG_UST_REGISTER_TIMEOUT": "0"}
    if preload:
        environment["LD_PRELOAD"] = str(preload)
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True,
                          env=environment)
    return [line.split("\t") for line in done.stdout.splitlines()]


def build_of(program):
    """The compiler and flags that the program was built with."""
    return lines(program, "build")[0][0]


def times(program, *sections, preload=None):
    """{(section, name): (figure, its ratio to the section's limit or None)}, of this one run."""
    found = lines(program, "time", *sections, preload=preload)
    return {(section, name): (float(figure), as_ratio(ratio))
            for section, name, figure, ratio in found}


def as_ratio(text):
    """None where there is no limit, or where the limit is nothing."""
    ratio = float(text or "nan")
    return ratio if math.isfinite(ratio) else None


def instructions(program, who, *sections, preload=None):
    """{(section, name): instructions per turn}, the loop's 3 included. They repeat."""
    with tempfile.TemporaryDirectory() as folder:
        counted = lines("valgrind", "--tool=callgrind", "--instr-atstart=no",
                        f"--callgrind-out-file={folder}/out", program, "count", who, *sections,
                        preload=preload)
        turns = int(counted[-1][0])
        found = {}
        for path in pathlib.Path(folder).iterdir():
            row, total = dump(path.read_text())
            if row:
                found[row] = round(total / turns, 1)
        return found


def dump(text):
    """The row that a callgrind dump is of (None: it is of the program's end), and its sum."""
    row, total = None, 0
    for line in text.splitlines():
        if line.startswith("desc: Trigger: Client Request: "):
            row = tuple(line.split(": ", 3)[3].split("\t"))
        elif line.startswith(("summary: ", "totals: ")):
            total = int(line.split()[1])
    return row, total
