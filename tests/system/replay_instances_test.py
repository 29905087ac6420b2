#!/usr/bin/env python3
"""`khelp replay --instance-by`: one world per VLAN or per file."""

import csv
import io
import re
import unittest

import make_pcap
from program import WRAP, SystemTest, replay_json, run

CLIENT, SERVER = ("10.1.0.1", 1000), ("10.2.0.1", 80)


def two_vlans(out):
    """The same addresses and ports in VLAN 7 (10 ms) and VLAN 9 (30 ms), at the same time."""
    records = []
    for vlan, rtt_ms in ((7, 10), (9, 30)):
        talk = make_pcap.conversation(CLIENT, SERVER, make_pcap.START_US, 5, rtt_ms * 1000)
        records += [(when, make_pcap.tagged(frame, vlan)) for when, frame in talk]
    out.write(make_pcap.file_header())
    for when, frame in sorted(records):
        out.write(make_pcap.record(when, frame))


class Instances(SystemTest):
    def setUp(self):
        super().setUp()
        self.vlans = self.folder / "vlans.pcap"
        with self.vlans.open("wb") as out:
            two_vlans(out)

    def test_equal_addresses_in_two_vlans_are_two_connections(self):
        document, done = replay_json("--load", "ertt", "--instance-by", "vlan", self.vlans)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(document["instance_by"], "vlan")
        measured = {connection["instance"]: connection["directions"][0]
                    for connection in document["connections"]}
        self.assertEqual(sorted(measured), [7, 9])
        for vlan, rtt_ms in ((7, 10), (9, 30)):
            self.assertEqual(measured[vlan]["segments"], 5)
            self.assertEqual(measured[vlan]["retransmitted"], 0)
            self.assertEqual(measured[vlan]["helpers"]["ertt"]["min_us"], rtt_ms * 1000)
            self.assertEqual(measured[vlan]["helpers"]["ertt"]["max_us"], rtt_ms * 1000)

    def test_without_instances_they_are_one(self):
        document, _ = replay_json(self.vlans)
        self.assertNotIn("instance_by", document)
        self.assertEqual({c["instance"] for c in document["connections"]}, {0})
        self.assertGreater(sum(d["retransmitted"] for c in document["connections"]
                               for d in c["directions"]), 0)

    def test_the_table_says_which(self):
        lines = run("replay", "--instance-by", "vlan", self.vlans).stdout.splitlines()
        self.assertRegex(lines[0], r"^VLAN +SENDER +RECEIVER +SEGMENTS")
        self.assertEqual(sorted(line.split()[0] for line in lines[1:3]), ["7", "9"])
        lines = run("replay", "--instance-by", "vlan", "--top", 1, self.vlans).stdout.splitlines()
        self.assertRegex(lines[2], r"^ +others \(1\)")

    def test_the_plot_says_which(self):
        svg = self.folder / "rtt.svg"
        run("replay", "--load", "ertt", "--plot", svg, "--instance-by", "vlan", self.vlans)
        legends = re.findall(r">(VLAN \d), ([\d.:]+) to ([\d.:]+): \d+ meas", svg.read_text())
        ends = ("10.1.0.1:1000", "10.2.0.1:80")
        self.assertLessEqual({("VLAN 7", *ends), ("VLAN 9", *ends)}, set(legends))

    def test_a_file_is_an_instance_counted_from_1(self):
        done = run("replay", "--csv", "--instance-by", "file", WRAP, self.vlans, WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual({row["instance"] for row in rows if row["src"].startswith("10.0.0.")},
                         {"1", "3"})
        self.assertEqual({row["instance"] for row in rows if row["src"].startswith("10.1.")}, {"2"})

    def test_results_are_the_same_in_an_instance_as_outside(self):
        plain, _ = replay_json("--load", "ertt", WRAP)
        apart, _ = replay_json("--load", "ertt", "--instance-by", "file", WRAP)
        self.assertEqual([c["directions"] for c in plain["connections"]],
                         [c["directions"] for c in apart["connections"]])
        self.assertEqual(plain["helpers"], apart["helpers"])

    def test_hooks_are_explained_in_the_first_one(self):
        text = run("replay", "--load", "ertt", "--explain", "--instance-by", "vlan", WRAP).stdout
        self.assertIn("tcp/est-in", text)
        self.assertNotIn("not registered", text)

    def test_anything_else_is_a_mistake(self):
        self.assertEqual(run("replay", "--instance-by", "colour", WRAP).returncode, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
