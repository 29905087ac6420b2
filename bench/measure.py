"""Run the programs: what khelp_bench lists, how long a row takes, how many instructions it has."""
import math
import os
import pathlib
import signal
import subprocess
import tempfile


class not_measured(Exception):
    """A program ended before its end. `lines` is what it had printed, the exception's text why."""

    def __init__(self, words, lines):
        super().__init__(words)
        self.lines = lines


def lines(program, *arguments, preload=None):
    environment = {**os.environ, "LTTNG_UST_REGISTER_TIMEOUT": "0"}
    if preload:
        environment["LD_PRELOAD"] = str(preload)
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True,
                          env=environment)
    printed = [line.split("\t") for line in done.stdout.splitlines()]
    if done.returncode != 0:
        raise not_measured(why(done), printed)
    return printed


def why(done):
    said = [line for line in done.stderr.splitlines() if line and not line.startswith("==")]
    if said:
        return said[-1]
    if done.returncode < 0:
        return f"ended by the signal {signal.Signals(-done.returncode).name}"
    return f"exit status {done.returncode}"


def build_of(program):
    """The compiler and flags that the program was built with."""
    return lines(program, "build")[0][0]


def row_that_ended(printed):
    """The row whose line has no figure: it ended the program."""
    return next(((section, name) for section, name, figure, _ in
                 (line for line in printed if len(line) == 4) if not figure), None)


def every_row(measured, sections):
    """Ask measured(which) for rows until all are there; ({row: figure}, {row: why there is none}).

    A row that ends the program is left out when the program is asked for the rest, and so are rows
    that are there already. `measured` returns ({row: figure}, None or the exception that ended it).
    """
    found, failed = {}, {}
    while True:
        left_out = ["\t".join(row) for row in (*found, *failed)]
        more, end = measured([*sections, *left_out])
        found.update(more)
        if end is None:
            return found, failed
        row = row_that_ended(end.lines)
        if row is None or row in failed:
            raise end
        failed[row] = str(end)


def times(program, *sections, preload=None):
    """({(section, name): (figure, its ratio to the section's limit or None)}, {row: why it failed})."""
    def once(which):
        end = None
        try:
            printed = lines(program, "time", *which, preload=preload)
        except not_measured as error:
            printed, end = error.lines, error
        return {(section, name): (float(figure), as_ratio(ratio))
                for section, name, figure, ratio in printed if figure}, end

    return every_row(once, sections)


def as_ratio(text):
    """None where there is no limit, or where the limit is nothing."""
    ratio = float(text or "nan")
    return ratio if math.isfinite(ratio) else None


def instructions(program, who, *sections, preload=None):
    """({(section, name): instructions per turn, the loop's 3 included}, {row: why it failed}).

    Instructions repeat."""
    def once(which):
        with tempfile.TemporaryDirectory() as folder:
            end = None
            try:
                counted = lines("valgrind", "--tool=callgrind", "--instr-atstart=no",
                                f"--callgrind-out-file={folder}/out", program, "count", who, *which,
                                preload=preload)
            except not_measured as error:
                counted, end = error.lines, error
            if not counted:
                raise end or not_measured("it counted nothing", [])
            turns = int(counted[0][0])
            dumps = [dump(path.read_text()) for path in pathlib.Path(folder).iterdir()]
            return {row: round(total / turns, 1) for row, total in dumps if row}, end

    return every_row(once, sections)


def dump(text):
    """The row that a callgrind dump is of (None: it is of the program's end), and its sum."""
    row, total = None, 0
    for line in text.splitlines():
        if line.startswith("desc: Trigger: Client Request: "):
            row = tuple(line.split(": ", 3)[3].split("\t"))
        elif line.startswith(("summary: ", "totals: ")):
            total = int(line.split()[1])
    return row, total
