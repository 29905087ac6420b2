#!/usr/bin/env python3
"""The round-trip times `khelp replay --load ertt` reports agree with tshark's and with ground truth.

Usage: rtt_reference_test.py KHELP FOLDER...

A folder holds captures and, in expected/, what tshark says of each. KHELP_TRACES_DIR may name one
more, whose README.md also says how many packets there are. A direction is that of the data.

For directions marked `fair` there are four rules, with and without the delayed-ACK filter:
  1. the minimum equals min_data          3. the count is not above n_data, and equal without filter
  2. the maximum is not above max_data    4. the median is within 10 % of median_data (20 samples)
"""

import csv
import json
import os
import pathlib
import re
import subprocess
import sys
from collections import defaultdict

TOLERANCE_US = 2.0
MEDIAN_TOLERANCE = 0.10
MEDIAN_SAMPLES = 20


def replay(khelp, capture, delack_filter):
    """The JSON document of one replay."""
    command = [khelp, "replay", "--load", f"ertt:delack_filter={delack_filter}", "--json", capture]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def end_name(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def directions_of(document):
    """(src, dst) -> its directions, oldest connection first."""
    found = defaultdict(list)
    for connection in document["connections"]:
        for direction in connection["directions"]:
            found[direction["src"], direction["dst"]].append(direction)
    return found


def reference_of(path):
    """Rows of tshark's table, and for each which of the connections of its addresses it is."""
    seen = defaultdict(list)
    with open(path, newline="", encoding="ascii") as table:
        for row in csv.DictReader(table):
            key = end_name(row["src"], row["sport"]), end_name(row["dst"], row["dport"])
            seen[key].append(row)
    return seen


def microseconds(row, column):
    return float(row[column]) * 1e6


def packets_of(folder):
    """File name -> packets, as far as the folder's README.md has them in a table."""
    readme = folder / "README.md"
    if not readme.exists():
        return {}
    rows = re.findall(r"^\| ([\w.-]+\.pcap(?:ng)?) \| (\d+) \|", readme.read_text(), re.MULTILINE)
    return {name: int(packets) for name, packets in rows}


class Report:
    """Counts how many checks of each rule hold; says which do not."""

    def __init__(self):
        self.held = defaultdict(int)
        self.failed = defaultdict(list)

    def check(self, rule, where, holds, words):
        if holds:
            self.held[rule] += 1
        else:
            self.failed[rule].append(f"{where}: {words}")

    def summary(self):
        """Prints everything; whether all that was checked holds."""
        for rule in sorted(set(self.held) | set(self.failed)):
            failed = self.failed[rule]
            total = self.held[rule] + len(failed)
            print(f"{self.held[rule]:5} of {total:5}  {rule}")
            for words in failed:
                print(f"        {words}")
        return bool(self.held) and not any(self.failed.values())


def check_fair(report, where, row, ertt, filtered):
    """Exact agreement: the README's rules 1 to 4."""
    name = "filter on" if filtered else "filter off"
    samples, n_data = ertt["samples"], int(row["n_data"])
    report.check(f"rule 3, count not above n_data, {name}", where, samples <= n_data,
                 f"{samples} samples, n_data {n_data}")
    if not filtered:
        report.check("rule 3, count equals n_data, filter off", where, samples == n_data,
                     f"{samples} samples, n_data {n_data}")
    if samples == 0:
        report.check(f"rule 1, minimum, {name}", where, False, f"no sample, n_data {n_data}")
        return
    minimum, maximum = microseconds(row, "min_data"), microseconds(row, "max_data")
    report.check(f"rule 1, minimum, {name}", where, abs(ertt["min_us"] - minimum) <= TOLERANCE_US,
                 f"{ertt['min_us']} us, min_data {minimum:.3f}")
    report.check(f"rule 2, maximum, {name}", where, ertt["max_us"] <= maximum + TOLERANCE_US,
                 f"{ertt['max_us']} us, max_data {maximum:.3f}")
    if samples >= MEDIAN_SAMPLES:
        median = microseconds(row, "median_data")
        report.check(f"rule 4, median, {name}", where,
                     abs(ertt["median_us"] - median) <= MEDIAN_TOLERANCE * median,
                     f"{ertt['median_us']} us, median_data {median:.3f}")


def check_bounds(report, where, row, ertt, span_us):
    """What holds for every direction."""
    if ertt["samples"] == 0:
        return
    ordered = 0 <= ertt["min_us"] <= ertt["median_us"] <= ertt["max_us"]
    report.check("bounds, 0 <= minimum <= median <= maximum", where, ordered, str(ertt))
    report.check("bounds, maximum within the capture", where, ertt["max_us"] <= span_us, str(ertt))
    reasons = row["fair"].split("+") if row["fair"] != "yes" else []
    plain = "tso" not in row["fair"] and "zero" not in row["fair"] and "clock" not in row["fair"]
    if reasons and plain and int(row["n_data"]) > 0 and int(row["sack_acks_rcvd"]) == 0:
        minimum = microseconds(row, "min_data")
        report.check("bounds, minimum not below tshark's smallest", where,
                     ertt["min_us"] >= minimum - TOLERANCE_US,
                     f"{ertt['min_us']} us, min_data {minimum:.3f} ({row['fair']})")


def check_floor(report, capture, directions, truth):
    """No round trip of the transfer undercuts the sum of both one-way minima."""
    name = capture.name.removesuffix(".pcap").removesuffix(".snd")
    floor = truth.get(name, {}).get("sender_side_min_rtt_floor_ms")
    if floor is None or not capture.name.endswith(".snd.pcap"):
        return
    found = [d for one in directions.values() for d in one]
    transfer = max(found, key=lambda direction: direction["bytes"])
    minimum = transfer["helpers"]["ertt"]["min_us"] / 1000
    report.check("ground truth, minimum not below the path's floor", capture.name,
                 floor - 0.002 <= minimum, f"{minimum} ms, floor {floor}")


def span_of(document):
    """First to last packet, in microseconds; captures' clocks may run backwards."""
    capture = document["captures"][0]
    return abs(float(capture["last"]) - float(capture["first"])) * 1e6


def check_capture(report, khelp, capture, expected, packets, truth):
    for filtered in (1, 0):
        document = replay(khelp, capture, filtered)
        directions = directions_of(document)
        if packets is not None:
            counted = document["captures"][0]["packets"]
            report.check("packets as the table says", capture.name, counted == packets,
                         f"{counted}, table {packets}")
        for key, rows in reference_of(expected / f"{capture.name}.tshark.csv").items():
            where = f"{capture.name} {key[0]} -> {key[1]}"
            report.check("one direction for each of tshark's", where,
                         len(directions[key]) == len(rows),
                         f"{len(directions[key])}, tshark {len(rows)}")
            for row, direction in zip(rows, directions[key]):
                report.check("payload bytes as tshark's", where,
                             direction["bytes"] == int(row["data_bytes"]),
                             f"{direction['bytes']}, tshark {row['data_bytes']}")
                ertt = direction["helpers"]["ertt"]
                check_bounds(report, where, row, ertt, span_of(document))
                if row["fair"] == "yes":
                    check_fair(report, where, row, ertt, filtered)
        check_floor(report, capture, directions, truth)


def check_folder(report, khelp, folder):
    expected = folder / "expected"
    truth_file = expected / "ground-truth.json"
    truth = json.loads(truth_file.read_text()) if truth_file.exists() else {}
    packets = packets_of(folder)
    for table in sorted(expected.glob("*.tshark.csv")):
        name = table.name.removesuffix(".tshark.csv")
        check_capture(report, khelp, folder / name, expected, packets.get(name), truth)


def main(khelp, *folders):
    folders = [pathlib.Path(folder) for folder in folders]
    if os.environ.get("KHELP_TRACES_DIR"):
        folders.append(pathlib.Path(os.environ["KHELP_TRACES_DIR"]))
    report = Report()
    for folder in folders:
        check_folder(report, khelp, folder)
    return 0 if report.summary() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
