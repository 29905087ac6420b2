#!/usr/bin/env python3
"""Measure `khelp replay` beside its peers; prints lines "name TAB value TAB limit TAB unit TAB role".

  bench/replay.py              five runs
  bench/replay.py --runs N

Two captures are made once, in build/bench/captures, from one of real traffic and one of our own:

  A   many short connections: 350 copies of a capture with other addresses, half a second apart
  B   few long ones: 100 copies, a second and a half apart

KHELP_TRACES_DIR names a folder with the captures to copy (mixed-126conn.pcap, dsack-satellite.pcap);
without it both are made of tests/data. tcprewrite, editcap and mergecap make them; without these
programs, or a peer, its lines are left out. All programs take turns, and a figure is the median of
its runs.

A second thread gains at most what the machine's second processor gives at that moment. The limit is
measured beside it: two replays on one thread each, at once, against one alone.

tcpdump only reads; the bare read is its, and what is compared with it is the faster of one and two
threads. tcptrace does what we do, on one thread, but for helpers.
limits/read_capture.cpp is the limit: it reads as we do and does nothing else. tshark takes a minute
where the others take a second: it is run once, on the first packets of A, and does more (it dissects
every protocol), whether it lists round trips or, doing less than we, conversations.
"""
import argparse
import functools
import operator
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
KHELP = pathlib.Path(os.environ.get("KHELP", ROOT / "build" / "bin" / "khelp"))
CAPTURES = ROOT / "build" / "bench" / "captures"
MAKERS = ("tcprewrite", "editcap", "mergecap")
# name: (copies, seconds between two, the capture to copy, the one of ours that stands in for it)
RECIPES = {"A": (350, 0.5, "mixed-126conn.pcap", "gt-80ms-jitter-loss.snd.pcap"),
           "B": (100, 1.5, "dsack-satellite.pcap", "gt-20ms-bulk.snd.pcap")}
PACKETS = {"A": 1_648_150, "B": 1_571_200}
# What must hold of the captures that are copies of real traffic.
BOUNDS = {"A": {"two threads, of what two processors give": ">=0.7", "of the bare read": ">=0.7",
                "of tcptrace": ">=9", "ten in a row, of one": "<=1.05"},
          "B": {"two threads, of what two processors give": ">=0.7", "of the bare read": ">=0.7",
                "of tcptrace": ">=1.4", "ten in a row, of one": "<=1.05"}}
TEN_PACKETS = CAPTURES / "ten.pcap"
BARE_READ = ROOT / "build" / "bench" / "khelp_read_capture"
TSHARK_PACKETS = 50_000
TSHARK = {"round trips": ["-T", "fields", "-e", "tcp.stream", "-e", "tcp.analysis.ack_rtt",
                          "-e", "tcp.analysis.initial_rtt"],
          "conversations only": ["-q", "-z", "conv,tcp"]}


def say(words):
    print(words, file=sys.stderr, flush=True)


def original(wanted, stand_in):
    folder = os.environ.get("KHELP_TRACES_DIR")
    if folder and (pathlib.Path(folder) / wanted).exists():
        return pathlib.Path(folder) / wanted
    say(f"replay: {stand_in} stands in for {wanted} (KHELP_TRACES_DIR)")
    return ROOT / "tests" / "data" / stand_in


def make_capture(name):
    """The capture's path; made if it is not there yet."""
    copies, apart, wanted, stand_in = RECIPES[name]
    base = original(wanted, stand_in)
    made = CAPTURES / f"{name}-{base.stem}.pcap"
    if made.exists():
        return made
    say(f"replay: making {made}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with tempfile.TemporaryDirectory(dir=CAPTURES) as folder:
        pieces = []
        for i in range(1, copies + 1):
            moved, piece = f"{folder}/moved.pcap", f"{folder}/{i}.pcap"
            subprocess.run(["tcprewrite", f"--seed={i}00{i}", "--fixcsum", "-i", base, "-o", moved],
                           check=True, stderr=subprocess.DEVNULL)  # a warning for each copy
            subprocess.run(["editcap", "-F", "pcap", "-t", str(i * apart), moved, piece], check=True)
            pieces.append(piece)
        subprocess.run(["mergecap", "-F", "pcap", "-w", f"{folder}/all", *pieces], check=True)
        os.replace(f"{folder}/all", made)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return made


# MEASURE COPIES COMMAND… reports its children alone: the resources of a process begin with those of
# the one it was forked from.
MEASURE = r"""
import os, sys, time
copies, command = int(sys.argv[1]), sys.argv[2:]
null = os.open(os.devnull, os.O_RDWR)
quiet = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
began = time.perf_counter()
children = [os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
            for _ in range(copies)]
ended = [os.wait4(child, 0) for child in children]
print(time.perf_counter() - began, sum(used.ru_utime + used.ru_stime for _, _, used in ended),
      max(status for _, status, _ in ended))
"""


class failed(Exception):
    """A program that was to be measured did not do its work."""


def timed(*command, copies=1):
    """(seconds on the wall until all copies have ended, seconds of processors)"""
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, str(copies), *map(str, command)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise failed(f"{command[0]}: {done.stderr.strip().splitlines()[-1]}")
    wall, cpu, status = done.stdout.split()
    if status != "0":
        raise failed(f"{command[0]} ended with status {status}: {' '.join(map(str, command))}")
    return float(wall), float(cpu)


def resident_mb(*command):
    """Peak memory, as the kernel counts it for the program alone."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *map(str, command)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1024


def replaying(jobs, *captures):
    return [KHELP, "replay", "--load", "ertt", "--json", "--jobs", str(jobs), *captures]


def contenders(capture):
    found = {"khelp --jobs 1": replaying(1, capture), "khelp --jobs 2": replaying(2, capture)}
    if shutil.which("tcpdump"):
        found["tcpdump --count"] = ["tcpdump", "--count", "-r", capture]
    if shutil.which("tcptrace"):
        found["tcptrace -n -l -r"] = ["tcptrace", "-n", "-l", "-r", capture]
    if os.access(BARE_READ, os.X_OK):
        found["limit, libpcap alone"] = [BARE_READ, capture]
    return found


def line(name, value, limit, unit, role="ours"):
    print(f"{name}\t{value:.4g}\t{limit}\t{unit}\t{role}", flush=True)


def role_of(who):
    return "ours" if who.startswith("khelp") else "limit" if who.startswith("limit") else "peer"


def measure_capture(name, runs):
    capture = make_capture(name)
    commands = contenders(capture)
    times = {who: [] for who in commands}
    given = []  # in each run: how much more two processors do than one
    for _ in range(runs):
        for who, command in commands.items():
            times[who].append(timed(*command))
        alone, both = (timed(*replaying(1, capture), copies=copies)[0] for copies in (1, 2))
        given.append(2 * alone / both)
    median = {who: [statistics.median(column) for column in zip(*measured)]
              for who, measured in times.items()}
    bare = median.get("tcpdump --count")
    is_real = RECIPES[name][2].split(".")[0] in capture.name
    bounds = BOUNDS[name] if is_real else {}
    if not is_real:
        name += ", a stand-in"

    def ratio(what, value):
        line(f"{name}: {what}", value, bounds.get(what, ""), "times")

    for who, (wall, cpu) in median.items():
        line(f"{name}: {who}, wall", wall, "", "s", role_of(who))
        line(f"{name}: {who}, processors", cpu, "", "s", role_of(who))
        if is_real:
            line(f"{name}: {who}, processors a packet", cpu / PACKETS[name] * 1e9, "", "ns",
                 role_of(who))
    one, two = median["khelp --jobs 1"], median["khelp --jobs 2"]
    if is_real:
        line(f"{name}: khelp --jobs 2", PACKETS[name] / two[0] / 1e6, "", "million packets/s")
    gained = [first[0] / second[0] / most for first, second, most in
              zip(times["khelp --jobs 1"], times["khelp --jobs 2"], given)]
    line(f"{name}: two threads, of one", one[0] / two[0], "", "times")
    line(f"{name}: two processors, of one", statistics.median(given), "", "times", "limit")
    ratio("two threads, of what two processors give", statistics.median(gained))
    if bare:
        ratio("of the bare read", bare[0] / min(one[0], two[0]))
    if "tcptrace -n -l -r" in median:
        tcptrace = median["tcptrace -n -l -r"][0]
        ratio("of tcptrace", tcptrace / two[0])
        if limit := median.get("limit, libpcap alone"):
            line(f"{name}: libpcap alone, of tcptrace", tcptrace / limit[0], "", "times", "limit")
    if os.access("/usr/bin/time", os.X_OK):
        for jobs in (1, 2):
            line(f"{name}: khelp --jobs {jobs}, resident", resident_mb(*replaying(jobs, capture)),
                 "", "MB")
        once = resident_mb(*replaying(2, capture))
        ratio("ten in a row, of one", resident_mb(*replaying(2, *[capture] * 10)) / once)


def measure_tshark():
    """Once, on the first packets of A."""
    if not shutil.which("tshark"):
        return
    first = CAPTURES / "A-first.pcap"
    if not first.exists():
        subprocess.run(["editcap", "-F", "pcap", "-r", make_capture("A"), first,
                        f"1-{TSHARK_PACKETS}"], check=True)
    where = f"A's first {TSHARK_PACKETS:,} packets"
    ours = statistics.median(timed(*replaying(2, first))[0] for _ in range(5))
    line(f"{where}: khelp --jobs 2, wall", ours, "", "s")
    for what, options in TSHARK.items():
        theirs = timed("tshark", "-r", first, *options)[0]
        line(f"{where}: tshark, {what}, wall", theirs, "", "s", "peer")
        line(f"{where}: of tshark, {what}", theirs / ours, "", "times")


def measure_start():
    if not TEN_PACKETS.exists():
        data = (ROOT / "tests" / "data" / "made-seq-ts-wrap.pcap").read_bytes()
        end = 24
        for _ in range(10):
            end += 16 + int.from_bytes(data[end + 8:end + 12], "little")
        TEN_PACKETS.write_bytes(data[:end])
    command = [KHELP, "replay", "--load", "ertt", TEN_PACKETS]
    peer = ["tcpdump", "-n", "-r", TEN_PACKETS] if shutil.which("tcpdump") else None
    ours, theirs = [], []
    for _ in range(50):
        ours.append(timed(*command)[0])
        if peer:
            theirs.append(timed(*peer)[0])
    line("start-up, ten packets", statistics.median(ours) * 1e3, "", "ms")
    if peer:
        line("start-up: tcpdump -n -r, ten packets", statistics.median(theirs) * 1e3, "", "ms", "peer")
        line("start-up, of tcpdump's", statistics.median(map(operator.truediv, ours, theirs)), "<=2",
             "times")
    if os.access("/usr/bin/time", os.X_OK):
        line("start-up, resident", resident_mb(*command), "<=12", "MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    if runs < 1:
        parser.error("--runs: at least one")
    CAPTURES.mkdir(parents=True, exist_ok=True)
    missing = [name for name in MAKERS if not shutil.which(name)]
    if missing:
        say(f"replay: without {', '.join(missing)} there are no captures to replay")
    parts = {"start-up": measure_start}
    if not missing:
        parts |= {name: functools.partial(measure_capture, name, runs) for name in RECIPES}
        parts["tshark"] = measure_tshark
    # The others go on.
    failures = 0
    for name, measure in parts.items():
        try:
            measure()
        except (failed, subprocess.CalledProcessError) as error:
            failures += 1
            say(f"replay: {name}: {error}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
