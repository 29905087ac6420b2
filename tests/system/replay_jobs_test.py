#!/usr/bin/env python3
"""`khelp replay --jobs N`: any number of threads gives the same results, byte for byte."""

import os
import re
import signal
import subprocess
import unittest

import make_pcap
from program import DATA, KHELP, SystemTest, run

CAPTURES = sorted(file for folder in (DATA, DATA / "malformed")
                  for file in folder.glob("*.pcap*"))
NUMBERS = (1, 2, 3, 8)
BULK_BEGINS = 1795315578  # gt-20ms-bulk.snd.pcap


def without_time(text):
    return re.sub(r'"elapsed_s": [0-9.]+', '"elapsed_s": X', text)


class SameResults(SystemTest):
    def results(self, jobs, *arguments):
        """All that a replay prints and writes, and how it ends."""
        written = {option: self.folder / name
                   for option, name in (("--samples", "samples.csv"), ("--plot", "rtt.svg"))}
        arguments = [item for argument in arguments
                     for item in ([argument, written[argument]] if argument in written
                                  else [argument])]
        done = run("replay", "--jobs", jobs, *arguments)
        files = [file.read_text() for file in written.values() if file in arguments]
        return done.returncode, without_time(done.stdout), done.stderr, files

    def compare(self, *arguments):
        alone = self.results(1, *arguments)
        for jobs in NUMBERS[1:]:
            with self.subTest(jobs=jobs, arguments=arguments):
                self.assertTrue(self.results(jobs, *arguments) == alone)
        return alone

    def test_of_each_capture(self):
        for capture in CAPTURES:
            self.compare("--load", "ertt", "--json", "--samples", "--plot", capture)

    def test_of_all_captures_as_one_stream_in_each_form(self):
        for form in ((), ("--json", "--samples", "--plot"), ("--csv", "--raw", "--load", "count")):
            code, out, _, _ = self.compare("--load", "ertt", *form, *CAPTURES)
            self.assertEqual(code, 8, "some of them are damaged")
            self.assertIn("10.77.1.1", out)

    def test_with_instances(self):
        for what in ("vlan", "file"):
            self.compare("--load", "ertt", "--csv", "--instance-by", what, *CAPTURES)

    def test_when_helpers_are_unloaded_anywhere(self):
        for packet in (0, 1, 511, 512, 513, 5000, 20000):
            self.compare("--load", "ertt", "--json", "--samples", "--unload-after", packet,
                         *CAPTURES)

    def test_of_more_connections_than_may_live(self):
        """More SYNs than may wait for an answer, between connections that have long been open."""
        flood = (DATA / "malformed" / "made-flood-20000.pcap").read_bytes()
        bulk = (DATA / "gt-20ms-bulk.snd.pcap").read_bytes()
        in_a_row = []
        for number, (capture, begins) in enumerate(
                ((bulk, BULK_BEGINS), (flood, 1), (bulk, BULK_BEGINS), (flood, 1))):
            in_a_row.append(self.folder / f"{number}.pcap")
            in_a_row[-1].write_bytes(
                make_pcap.later(capture, BULK_BEGINS + 10 * number - begins))
        self.compare("--load", "ertt", "--csv", *in_a_row)

    def test_of_more_connections_than_are_remembered_once_they_ended(self):
        ended = self.folder / "ended.pcap"
        ended.write_bytes(b"".join(make_pcap.capture(connections=6000, exchanges=0)))
        _, out, _, _ = self.compare("--load", "ertt", "--csv", ended)
        self.assertEqual(out.count("\n"), 1 + 2 * 6000)

    def test_of_a_capture_that_ends_in_the_middle_of_a_packet(self):
        whole = (DATA / "gt-20ms-bulk.snd.pcap").read_bytes()
        cut = self.folder / "cut.pcap"
        cut.write_bytes(whole[:len(whole) * 2 // 3])
        code, out, err, _ = self.compare("--load", "ertt", "--json", cut)
        self.assertEqual(code, 1)
        self.assertIn("at byte", err)
        self.assertIn("10.77.2.1", out)

    def test_from_a_stream(self):
        packets = b"".join(make_pcap.capture(connections=50, exchanges=100))
        outputs = set()
        for jobs in NUMBERS:
            done = subprocess.run([KHELP, "replay", "--jobs", str(jobs), "--load", "ertt", "--csv",
                                   "-"], input=packets, stdout=subprocess.PIPE, check=True)
            outputs.add(done.stdout)
        self.assertEqual(len(outputs), 1)


class Trouble(SystemTest):
    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            for form in ((), ("--json",), ("--csv",)):
                done = run("replay", "--jobs", 3, "--load", "ertt", *form, *CAPTURES, stdout=full)
                self.assertEqual(done.returncode, 1)
                self.assertIn("cannot write standard output: No space left", done.stderr)

    def test_an_interruption_ends_with_the_results_so_far(self):
        """All that was read is in the report, whichever thread it went to."""
        samples = self.folder / "samples"
        os.mkfifo(samples)
        child = subprocess.Popen([KHELP, "replay", "--jobs", "3", "--load", "ertt", "--csv",
                                  "--samples", samples, "-"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(samples, encoding="ascii") as measured:
            child.stdin.write(b"".join(make_pcap.capture(connections=12, exchanges=50)))
            child.stdin.flush()  # and stays open: there might be more
            self.assertTrue(measured.readline().startswith("time,"))
            child.send_signal(signal.SIGINT)
            out = child.stdout.read().decode()
            lines = measured.read().count("\n")
        _, err = child.communicate()
        self.assertEqual((child.returncode, err), (130, b""))
        column = out.splitlines()[0].split(",").index("ertt.samples")
        counts = [int(line.split(",")[column]) for line in out.splitlines()[1:]]
        self.assertEqual(sum(counts), lines)

    @unittest.skipIf(os.environ.get("KHELP_SANITIZE"), "a sanitizer needs more address space")
    def test_no_memory_is_told(self):
        """The workers' memory runs out, wherever: a sentence and an exit status, no crash."""
        import resource
        flood = DATA / "malformed" / "made-flood-20000.pcap"
        statuses = set()
        for megabytes in range(48, 112, 8):
            def little():
                resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
            done = run("replay", "--jobs", 3, "--load", "ertt", "--csv", flood, preexec_fn=little)
            statuses.add(done.returncode)
            self.assertIn(done.returncode, (0, 1, 127), done.stderr)
            if done.returncode != 0:
                self.assertNotEqual(done.stderr, "")
        self.assertIn(0, statuses)

    def test_a_number_that_is_none_is_usage(self):
        for number in ("0", "-1", "abc", "1.5", "", "257", "99999999999999999999999"):
            done = run("replay", "--jobs", number, CAPTURES[0])
            self.assert_refused(done, 2, "--jobs")


if __name__ == "__main__":
    unittest.main()
