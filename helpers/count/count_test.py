#!/usr/bin/env python3
"""The two tutorial helpers count the same, and what is there to count.

usage: count_test.py KHELP HELPER_FOLDER CAPTURE_FOLDER
"""

import json
import struct
import subprocess
import sys
import unittest

KHELP, HELPERS, CAPTURES = sys.argv[1:4]
BULK = f"{CAPTURES}/gt-20ms-bulk.snd.pcap"
LOSSY = f"{CAPTURES}/gt-80ms-jitter-loss.snd.pcap"


def replay(*arguments):
    done = subprocess.run([KHELP, "replay", "--module-path", HELPERS, *arguments],
                          capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def directions(report):
    return [d for c in json.loads(report)["connections"] for d in c["directions"]]


class Count(unittest.TestCase):
    def test_both_styles_count_the_same(self):
        for capture in (BULK, LOSSY):
            report = replay("--json", "--raw", "--load", "count", "--load", "count_native", capture)
            for direction in directions(report):
                raw = bytes.fromhex(direction["helpers"]["count"]["raw"])
                native = direction["helpers"]["count_native"]
                self.assertEqual(struct.unpack("=QQ", raw), (native["received"], native["sent"]))

    def test_what_is_sent_is_every_segment_with_data_or_without(self):
        report = replay("--json", "--load", "count_native", BULK)
        found = directions(report)
        self.assertEqual(len(found), 4)
        for direction in found:
            counted = direction["helpers"]["count_native"]
            self.assertGreaterEqual(counted["sent"], direction["segments"])
            self.assertGreater(counted["received"], 0)
        self.assertEqual(sum(d["helpers"]["count_native"]["sent"] for d in found),
                         json.loads(report)["captures"][0]["tcp_segments"])

    def test_unloaded_on_the_way_they_report_what_they_had_counted(self):
        report = replay("--json", "--load", "count_native", "--unload-after", "1000", BULK)
        sent = sum(d["helpers"]["count_native"]["sent"] for d in directions(report))
        self.assertEqual(sent, 1000)

    def test_the_table_shows_what_the_native_one_declares(self):
        table = replay("--load", "count_native", BULK)
        self.assertIn("RECEIVED", table)
        self.assertIn("SENT", table)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
