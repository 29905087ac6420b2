#!/usr/bin/env python3
"""`khelp replay` on streams: interruption, and captures that do not end."""

import array
import fcntl
import json
import os
import signal
import subprocess
import termios
import unittest

import make_pcap
from program import KHELP, SystemTest

MEMORY_GROWTH = 0.05


def resident_kb(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what + ":"))


def waits_for_input(child):
    """It has read all that was written, and sleeps."""
    unread = array.array("i", [0])
    fcntl.ioctl(child.stdin.fileno(), termios.FIONREAD, unread)
    with open(f"/proc/{child.pid}/stat", encoding="ascii") as stat:
        state = stat.read().rpartition(")")[2].split()[0]
    return unread[0] == 0 and state == "S"


def start(*arguments, stdout=subprocess.PIPE):
    return subprocess.Popen([KHELP, "replay", *map(str, arguments), "-"], stdin=subprocess.PIPE,
                            stdout=stdout, stderr=subprocess.PIPE)


def state_of(pid, what="State"):
    """Of a process: the letter of its state, or a set of signals."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        value = next(line.split()[1] for line in status if line.startswith(what + ":"))
    return value if what == "State" else int(value, 16)


class Interruption(SystemTest):
    def interrupt(self, number, *form):
        """Interrupt a replay in the middle, once it is known to have measured something."""
        samples = self.folder / "samples"
        os.mkfifo(samples)
        child = start("--load", "ertt", "--samples", samples, *form)
        with open(samples, encoding="ascii") as measured:
            child.stdin.write(b"".join(make_pcap.capture(connections=4, exchanges=50)))
            child.stdin.flush()  # and stays open: there might be more
            self.assertTrue(measured.readline().startswith("time,"))
            child.send_signal(number)
            out, err = child.stdout.read(), child.stderr.read()
            measured.read()
        child.stdin.close()
        child.stdout.close()
        child.stderr.close()
        return child.wait(timeout=60), out.decode(), err.decode()

    def test_ctrl_c_ends_with_the_results_so_far(self):
        code, out, err = self.interrupt(signal.SIGINT)
        self.assertEqual((code, err), (130, ""))
        self.assertIn("10.1.0.1:40000", out)
        self.assertIn("ertt", out)
        self.assertIn("\npartial: interrupted in -\n1 capture: ", out)

    def test_ctrl_c_before_there_is_anything_to_read_is_no_complaint(self):
        for form in ((), ("--json",)):
            with self.subTest(form=form):
                child = start("--load", "ertt", *form)
                while not waits_for_input(child):
                    os.sched_yield()
                child.send_signal(signal.SIGINT)
                code = child.wait(timeout=60)  # standard input stays open meanwhile
                out, err = child.communicate()
                self.assertEqual((code, err), (130, b""))
                if form:
                    self.assertEqual(json.loads(out)["captures"][0]["error"], "interrupted")

    def test_the_document_of_an_interrupted_replay_is_whole_and_says_so(self):
        code, out, _ = self.interrupt(signal.SIGTERM, "--json", "-")
        self.assertEqual(code, 143)
        document = json.loads(out)
        self.assertEqual(document["captures"][0]["error"], "interrupted")
        self.assertEqual(len(document["captures"]), 1)
        self.assertEqual(document["not_begun"], ["-"])
        ertt = document["connections"][0]["directions"][0]["helpers"]["ertt"]
        self.assertEqual(ertt["min_us"], 10000)


class SlowReader(SystemTest):
    """A signal comes while standard output takes no more."""

    def start(self, form):
        """Returns the program, blocked in a write, and its standard output."""
        capture = self.capture(connections=200, exchanges=2)
        out, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        child = subprocess.Popen([KHELP, "replay", "--jobs", "1", form, capture],
                                 stdout=write_end, stderr=subprocess.PIPE)
        os.close(write_end)
        waiting = array.array("i", [0])
        while waiting[0] == 0 or state_of(child.pid) != "S":
            fcntl.ioctl(out, termios.FIONREAD, waiting)
        return child, os.fdopen(out, "rb")

    def signal(self, child, number):
        """It has been caught when this returns."""
        child.send_signal(number)
        while state_of(child.pid, "SigCgt") & 1 << (number - 1):
            pass

    def test_the_report_is_whole_nevertheless(self):
        for form in ("--csv", "--json"):
            for number in (signal.SIGINT, signal.SIGTERM):
                child, out = self.start(form)
                self.signal(child, number)
                with out:
                    text = out.read().decode()
                _, err = child.communicate()
                self.assertEqual((child.returncode, err), (128 + number, b""))
                if form == "--csv":
                    self.assertEqual(text.count("\n"), 1 + 2 * 200)
                else:
                    self.assertEqual(len(json.loads(text)["connections"]), 200)

    def test_a_second_signal_ends_it_at_once(self):
        child, out = self.start("--csv")
        self.signal(child, signal.SIGINT)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(timeout=60), -signal.SIGINT)
        child.stderr.close()
        out.close()


@unittest.skipIf(os.environ.get("KHELP_SANITIZE"), "a sanitizer keeps freed memory")
class Endless(SystemTest):
    def resident_after(self, repeat, *options):
        report = self.folder / "report"
        with report.open("wb") as out:
            child = start("--load", "ertt", *options, stdout=out)
        for piece in make_pcap.capture(connections=400, exchanges=25, repeat=repeat):
            child.stdin.write(piece)
        child.stdin.flush()
        while not waits_for_input(child):
            os.sched_yield()
        resident = resident_kb(child.pid)
        _, err = child.communicate(timeout=120)
        self.assertEqual((child.returncode, err), (0, b""))
        return resident, report.read_bytes()

    def compare(self, *options):
        # Which thread does what, and keeps memory for it, differs from run to run. Three times the
        # capture is long enough for the first connections to be forgotten.
        threefold = max(self.resident_after(3, *options)[0] for _ in range(2))
        tenfold, out = self.resident_after(10, *options)
        growth = tenfold / threefold - 1
        print(f"resident {' '.join(options) or 'table'}: three times {threefold} kB, ten times "
              f"{tenfold} kB, {growth:+.1%}")
        self.assertLessEqual(growth, MEMORY_GROWTH)
        return out

    def test_ten_times_the_capture_needs_no_more_memory_than_three_times_for_the_table(self):
        self.assertIn(b"4,000 connections", self.compare())

    def test_ten_times_the_capture_needs_no_more_memory_than_three_times_for_json(self):
        self.assertEqual(len(json.loads(self.compare("--json"))["connections"]), 4000)

    def test_ten_times_the_capture_needs_no_more_memory_than_three_times_for_csv(self):
        self.assertEqual(self.compare("--csv").count(b"\n"), 8001)

    def test_ten_times_the_capture_needs_no_more_memory_than_three_times_for_the_plot(self):
        # Of curves, which are large, several threads keep up to a tenth for themselves.
        self.compare("--jobs", "1", "--plot", str(self.folder / "rtt.svg"))


@unittest.skipIf(os.environ.get("KHELP_SANITIZE"), "a sanitizer keeps freed memory")
class InARow(SystemTest):
    def write_capture(self):
        """First connections that close, then, when those are forgotten, as many that do not."""
        half = 1500
        capture = self.folder / "capture.pcap"
        with capture.open("wb") as out:
            out.write(make_pcap.file_header())
            for closes in (True, False):
                begins_us = make_pcap.START_US + (0 if closes else 2 * make_pcap.REMEMBERED_US)
                if not closes:
                    for when, data in make_pcap.others(make_pcap.START_US, begins_us):
                        out.write(make_pcap.record(when, data))
                for number in range(half):
                    client = f"10.{int(closes)}.{number // 250}.{number % 250 + 1}"
                    for when, data in make_pcap.conversation(
                            (client, 40000), ("192.0.2.1", 443), begins_us + number * 1000, 1, 100,
                            closes=closes):
                        out.write(make_pcap.record(when, data))
        return capture

    def most_resident(self, captures):
        child = start("--load", "ertt", "--csv", "--jobs", "1", *captures,
                      stdout=subprocess.DEVNULL)
        child.stdin.write(make_pcap.file_header())
        child.stdin.flush()
        while not waits_for_input(child):
            os.sched_yield()
        resident = resident_kb(child.pid, "VmHWM")
        _, err = child.communicate(timeout=120)
        self.assertEqual((child.returncode, err), (0, b""))
        return resident

    def test_captures_of_the_same_time_need_no_more_memory_than_one(self):
        capture = self.write_capture()
        once, tenfold = (self.most_resident([capture] * times) for times in (1, 10))
        growth = tenfold / once - 1
        print(f"resident: one {once} kB, ten {tenfold} kB, {growth:+.1%}")
        self.assertLessEqual(growth, MEMORY_GROWTH)


if __name__ == "__main__":
    unittest.main()
