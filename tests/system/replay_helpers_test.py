#!/usr/bin/env python3
"""`khelp replay` and a helper (telltale.cpp) that looks around wherever it is called."""

import csv
import io
import os
import unittest

import make_pcap
from program import SystemTest, run

TELLTALE = os.environ["KHELP_TELLTALE"]
JOBS = (1, 2, 3, 8)
PACKETS = 2000


def in_vlans(out):
    """40 connections at once, in four VLANs."""
    records = []
    for number in range(40):
        client = (f"10.1.0.{number + 1}", 40000)
        for when, frame in make_pcap.conversation(client, ("192.0.2.1", 443),
                                                  make_pcap.START_US + number, 50, 10_000):
            records.append((when, make_pcap.tagged(frame, number % 4 + 1)))
    out.write(make_pcap.file_header())
    for when, frame in sorted(records):
        out.write(make_pcap.record(when, frame))


class Helpers(SystemTest):
    def setUp(self):
        super().setUp()
        self.talks = self.capture(connections=40, exchanges=50)
        self.samples = self.folder / "samples.csv"

    def replay(self, jobs, does, *options):
        """Its rows, its samples and what it complained of."""
        helper = TELLTALE + (f":does={does}" if does else "")
        done = run("replay", "--load", helper, "--csv", "--samples", self.samples, "--jobs", jobs,
                   *options, self.talks)
        return (done.returncode, list(csv.DictReader(io.StringIO(done.stdout))),
                list(csv.DictReader(io.StringIO(self.samples.read_text()))), done.stderr)

    def the_same_with_all_jobs(self, does, *options):
        alone = self.replay(1, does, *options)
        for jobs in JOBS[1:]:
            with self.subTest(jobs=jobs):
                self.assertTrue(self.replay(jobs, does, *options) == alone)
        return alone

    def assert_one_sample_for_each_end(self, field, rows, samples):
        told = [sample for sample in samples if sample["field"] == field]
        self.assertEqual(len(told), 80)
        reported = {(row["connection"], row["src"]): row["telltale.calls"] for row in rows}
        for sample in told:
            self.assertEqual(sample["value"], reported[sample["connection"], sample["src"]])

    def test_a_sample_of_a_destructor_belongs_to_its_connection(self):
        code, rows, samples, err = self.the_same_with_all_jobs("samples-ends")
        self.assertEqual((code, err), (0, ""))
        self.assert_one_sample_for_each_end("end", rows, samples)

    def test_a_report_that_throws_is_told_and_the_others_are_there(self):
        for options in ((), ("--unload-after", PACKETS)):
            code, rows, _, err = self.the_same_with_all_jobs("throws", *options)
            self.assertEqual(code, 1)
            self.assertEqual(len(rows), 80)
            without = {row["src"] for row in rows if row["telltale.calls"] == ""}
            self.assertIn("192.0.2.1:443", without)
            self.assertTrue(any(row["telltale.calls"] for row in rows))
            self.assertRegex(err, r"^khelp: the report function of telltale threw: \d+ of the")

    def test_no_memory_for_their_data_is_told(self):
        code, rows, _, err = self.the_same_with_all_jobs("finds-no-memory")
        self.assertEqual(code, 1)
        self.assertEqual({row["telltale.calls"] for row in rows}, {""})
        self.assertIn("no memory for helpers' data on 80 of", err)

    def test_unloaded_before_the_first_packet_a_helper_sees_none(self):
        _, rows, samples, _ = self.the_same_with_all_jobs("samples-ends", "--unload-after", 0)
        self.assertEqual({row["telltale.calls"] for row in rows}, {""})
        self.assertEqual(samples, [])

    def test_unloaded_early_a_helper_is_read_as_when_its_connections_close(self):
        """Its samples, the clock and the instance are those of each connection."""
        with self.talks.open("wb") as out:
            in_vlans(out)
        for does, field in (("samples-reports", "report"), ("samples-ends", "end"), (None, None)):
            with self.subTest(does=does):
                code, rows, samples, err = self.the_same_with_all_jobs(
                    does, "--unload-after", PACKETS, "--instance-by", "vlan")
                self.assertEqual((code, err), (0, ""))
                read = [row for row in rows if row["telltale.calls"]]
                self.assertEqual(len(read), 80)
                self.assertEqual({row["telltale.elsewhere"] for row in read}, {"0"})
                self.assertTrue(all(float(row["telltale.idle_us"]) < 1e9 for row in read))
                if does is None:
                    continue
                self.assert_one_sample_for_each_end(field, rows, samples)
                self.assertEqual({sample["value"] for sample in samples
                                  if sample["field"] == "instance"}, {"0"})


if __name__ == "__main__":
    unittest.main()
