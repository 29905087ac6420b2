#!/usr/bin/env python3
"""What `khelp replay` prints: table, JSON, CSV, samples, plot, explanation."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios
import textwrap
import unittest
import xml.etree.ElementTree

from program import BULK, DATA, DELACK, HELPERS, KHELP, WRAP, SystemTest, replay_json, run

CAPTURE_KEYS = ["error", "file", "first", "fragments", "last", "link_type", "malformed", "not_followed",
                "packets",
                "tcp_segments", "without_time"]
DIRECTION_KEYS = ["bytes", "copies", "dst", "helpers", "retransmitted", "segments", "src"]
ERTT_KEYS = {"samples", "min_us", "median_us", "max_us", "last_us", "marked_us", "delayed_ack",
             "timestamp_errors", "ticks"}
TICKS_KEYS = {"rtt", "minrtt", "maxrtt", "markedpkt_rtt", "bytes_tx_in_marked_rtt", "dlyack_rx",
              "timestamp_errors", "flags"}
SKIP_REASONS = {"no-data", "no-memory", "suspended", "recursion", "constructor"}


class Table(SystemTest):
    def test_it_has_a_line_per_direction_with_data_the_busiest_first(self):
        done = run("replay", "--load", "ertt", WRAP, DELACK)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^ +ertt$")
        self.assertRegex(lines[1], r"^SENDER +RECEIVER +SEGMENTS +DATA +RESENT .*MIN +MEDIAN +MAX")
        self.assertRegex(lines[2], r"^10\.77\.2\.1:\d+ .* 21\.1 KiB .* ms ")
        self.assertRegex(lines[3], r"^10\.0\.0\.1:1000 .* 9\.77 KiB .* 10\.0 ms ")
        self.assertEqual(lines[4], "")

    def test_totals_tell_what_was_read_and_what_helpers_did(self):
        text = run("replay", "--load", "ertt", WRAP).stdout
        self.assertIn("1 capture: 43 packets, 43 TCP segments, 0 malformed\n", text)
        self.assertIn("1 connection, 1 direction with data\n", text)
        self.assertRegex(text, r"  ertt \(version \d+\): attached to 2 ends, called \d+ times; ")

    def test_without_helpers_it_is_exactly_this(self):
        self.assertEqual(run("replay", WRAP).stdout,
                         "SENDER         RECEIVER     SEGMENTS      DATA  RESENT\n"
                         "10.0.0.1:1000  10.0.0.2:80        20  9.77 KiB       0\n"
                         "\n"
                         "1 capture: 43 packets, 43 TCP segments, 0 malformed\n"
                         "1 connection, 1 direction with data\n")

    def test_the_table_in_the_documents_is_what_is_printed(self):
        page = (DATA.parent.parent / "docs/khelp.md").read_text()
        _, shown = page.split("    $ khelp replay --load ertt tests/data/", 1)
        capture, shown = shown.split("\n", 1)
        shown = shown[:shown.index("\n### ")]
        self.assertEqual(run("replay", "--load", "ertt", DATA / capture).stdout,
                         textwrap.dedent(shown).strip("\n") + "\n")

    def test_top_sums_the_others_in_one_line(self):
        capture = self.capture(connections=30, exchanges=4)
        text = run("replay", "--top", 10, capture).stdout
        self.assertEqual(len(re.findall(r"^10\.1\.", text, re.MULTILINE)), 10)
        self.assertRegex(text, r"(?m)^others \(20\) +\d+ +7\.81 KiB +0$")

    def test_a_pipe_gets_no_escape_sequences(self):
        done = run("replay", "--load", "ertt", WRAP)
        self.assertNotIn("\x1b", done.stdout + done.stderr)

    def on_a_terminal(self, columns=0, **environment):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm", **environment}
        if "NO_COLOR" not in environment:
            environment.pop("NO_COLOR", None)
        with subprocess.Popen([KHELP, "replay", "--load", "ertt", str(WRAP)], stdout=theirs,
                              stderr=subprocess.DEVNULL, env=environment) as child:
            os.close(theirs)
            shown = b""
            try:
                while piece := os.read(ours, 4096):
                    shown += piece
            except OSError:
                pass  # the other side is closed
            os.close(ours)
        self.assertEqual(child.returncode, 0)
        return shown

    def test_a_terminal_gets_lines_that_fit(self):
        for columns in (20, 60, 80, 90):
            with self.subTest(columns=columns):
                shown = self.on_a_terminal(columns, NO_COLOR="1").decode()
                table, _ = shown.split("\r\n\r\n", 1)
                for line in table.split("\r\n"):
                    if not line.startswith("no room for: "):
                        self.assertLessEqual(len(line), columns, line)
        wide = self.on_a_terminal(65535, NO_COLOR="1").decode().replace("\r\n", "\n")
        self.assertEqual(wide, run("replay", "--load", "ertt", WRAP).stdout)

    def test_a_terminal_gets_colour_unless_no_color_says_no(self):
        self.assertIn(b"\x1b[", self.on_a_terminal())
        self.assertNotIn(b"\x1b[", self.on_a_terminal(NO_COLOR="1"))
        self.assertNotIn(b"\x1b[", self.on_a_terminal(TERM="dumb"))


class Json(SystemTest):
    def test_it_is_one_document_of_the_documented_shape_with_sorted_keys(self):
        document, done = replay_json("--load", "ertt", WRAP, DELACK)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(document), ["captures", "connections", "elapsed_s", "helpers",
                                          "schema"])
        self.assertEqual(document["schema"], 1)
        self.assertGreaterEqual(document["elapsed_s"], 0)
        for capture in document["captures"]:
            self.assertEqual(list(capture), CAPTURE_KEYS)
        for connection in document["connections"]:
            self.assertEqual(list(connection), ["connection", "directions", "instance",
                                                "opened"])
            self.assertEqual(len(connection["directions"]), 2)
            for direction in connection["directions"]:
                self.assertEqual(list(direction), DIRECTION_KEYS)
                ertt = direction["helpers"]["ertt"]
                self.assertEqual(set(ertt), ERTT_KEYS)
                self.assertEqual(set(ertt["ticks"]), TICKS_KEYS)
                self.assertEqual(list(ertt), sorted(ertt))
        for helper in document["helpers"]:
            self.assertEqual(list(helper), ["attached", "calls", "name", "skipped", "version"])
            self.assertEqual(set(helper["skipped"]), SKIP_REASONS)

    def test_the_values_of_a_made_capture_are_exact(self):
        document, _ = replay_json("--load", "ertt", WRAP)
        self.assertEqual(document["captures"][0]["packets"], 43)
        connection, = document["connections"]
        self.assertTrue(connection["opened"])
        forth, back = connection["directions"]
        self.assertEqual((forth["src"], forth["dst"]), ("10.0.0.1:1000", "10.0.0.2:80"))
        self.assertEqual((back["src"], back["dst"]), ("10.0.0.2:80", "10.0.0.1:1000"))
        self.assertEqual((forth["bytes"], forth["segments"], forth["retransmitted"]),
                         (10000, 20, 0))
        ertt = forth["helpers"]["ertt"]
        self.assertEqual((ertt["min_us"], ertt["max_us"], ertt["last_us"]), (10000, 10000, 10000))
        self.assertEqual(back["helpers"]["ertt"]["samples"], 0)
        self.assertIsNone(back["helpers"]["ertt"]["min_us"])

    def test_microseconds_have_three_digits_and_times_nine(self):
        text = run("replay", "--json", "--load", "ertt", WRAP).stdout
        self.assertIn('"min_us": 10000.000,', text)
        self.assertRegex(text, r'"first": \d+\.\d{9},')

    def test_connections_are_listed_in_closing_order(self):
        document, _ = replay_json(self.capture(connections=40, exchanges=2))
        names = [c["directions"][0]["src"] for c in document["connections"]]
        self.assertEqual(names, [f"10.1.0.{n + 1}:40000" for n in range(40)])

    def test_fields_match_the_csv(self):
        document, _ = replay_json("--load", "ertt", WRAP)
        done = run("replay", "--csv", "--load", "ertt", WRAP)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 2)
        for row, direction in zip(rows, document["connections"][0]["directions"]):
            for key in ("src", "dst", "segments", "bytes", "retransmitted", "copies"):
                self.assertEqual(row[key], str(direction[key]))
            ertt = direction["helpers"]["ertt"]
            for name in ("samples", "min_us", "median_us", "last_us"):
                expected = "" if ertt[name] is None else ertt[name]
                self.assertEqual(float(row[f"ertt.{name}"] or "nan") if expected != "" else "",
                                 float(expected) if expected != "" else "")
            self.assertEqual(row["ertt.ticks.rtt"], str(ertt["ticks"]["rtt"]))

    def test_bytes_of_a_name_that_are_no_utf8_are_replaced_and_the_order_tells_the_captures(self):
        names = [os.fsencode(self.folder) + b"/caf\xe9.pcap", os.fsencode(self.folder) + b"/b.pcap"]
        for name in names:
            with open(name, "wb") as out:
                out.write(WRAP.read_bytes())
        done = subprocess.run([KHELP, "replay", "--json", *names], capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        files = [c["file"] for c in json.loads(done.stdout.decode("utf-8"))["captures"]]
        self.assertEqual(files, [f"{self.folder}/caf\ufffd.pcap", f"{self.folder}/b.pcap"])

    def test_standard_input_is_a_capture(self):
        with WRAP.open("rb") as stdin:
            done = run("replay", "--json", "-", stdin=stdin)
        self.assertEqual(json.loads(done.stdout)["captures"][0]["file"], "-")
        self.assertEqual(json.loads(done.stdout)["captures"][0]["packets"], 43)


class Helpers(SystemTest):
    def test_a_parameter_reaches_its_helper(self):
        filtered, _ = replay_json("--load", "ertt", BULK)
        unfiltered, _ = replay_json("--load", "ertt:delack_filter=0", BULK)

        def samples(document):
            return sum(d["helpers"]["ertt"]["samples"] for c in document["connections"]
                       for d in c["directions"])
        self.assertLess(samples(filtered), samples(unfiltered))

    def test_a_helper_may_be_a_file_or_a_name_along_the_module_path(self):
        by_file, done = replay_json("--load", HELPERS / "ertt.so", WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([h["name"] for h in by_file["helpers"]], ["ertt"])
        (self.folder / "ertt.so").symlink_to(HELPERS / "ertt.so")
        by_path, done = replay_json("--module-path", self.folder, "--load", "ertt", WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([h["name"] for h in by_path["helpers"]], ["ertt"])

    def test_two_helpers_report_side_by_side(self):
        document, done = replay_json("--load", "count", "--load", "ertt", WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({h["name"] for h in document["helpers"]}, {"count", "ertt"})
        direction = document["connections"][0]["directions"][0]
        self.assertEqual(set(direction["helpers"]), {"count", "ertt"})

    def test_raw_shows_the_bytes_a_freebsd_style_helper_keeps(self):
        document, done = replay_json("--raw", "--load", "count", WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        forth, back = document["connections"][0]["directions"]
        self.assertRegex(forth["helpers"]["count"]["raw"], r"^([0-9a-f]{2})+$")
        self.assertNotEqual(forth["helpers"]["count"], back["helpers"]["count"])
        table = run("replay", "--raw", "--load", "count", WRAP).stdout
        self.assertIn("    count: " + forth["helpers"]["count"]["raw"] + "\n", table)

    def test_without_raw_such_a_helper_shows_nothing(self):
        document, _ = replay_json("--load", "count", WRAP)
        self.assertEqual(document["connections"][0]["directions"][0]["helpers"]["count"], {})

    def test_debug_maps_the_file_itself_and_measures_the_same(self):
        plain, _ = replay_json("--load", "ertt", WRAP)
        debug, done = replay_json("--debug", "--load", "ertt", WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(debug["connections"], plain["connections"])

    def test_explain_lists_each_points_hooks_in_running_order_with_the_reason(self):
        text = run("replay", "--explain", "--load", "count", "--load", "ertt", WRAP).stdout
        self.assertRegex(text, r"(?m)^tcp/est-in \(1/0\)$")
        self.assertRegex(text, r"(?m)^tcp/est-out \(1/1\)$")
        self.assertRegex(text, r"(?m)^  1\. \w+: .+$")
        self.assertRegex(text, r"(?m)^  2\. \w+: .+$")

    def test_explain_does_not_mix_with_the_document(self):
        document, done = replay_json("--explain", "--load", "ertt", WRAP)
        self.assertEqual(document["schema"], 1)
        self.assertIn("tcp/est-in", done.stderr)


class Memory(SystemTest):
    def test_mem_shows_zones_and_types_below_the_table(self):
        text = run("replay", "--mem", "--load", "ertt", WRAP).stdout
        self.assertRegex(text, r"(?m)^ZONE +SIZE +LIMIT +USED +FREE +REQUESTS ")
        self.assertRegex(text, r"(?m)^ertt +\d+ ")
        self.assertIn("\nNo type of memory was used.\n", text)

    def test_mem_is_a_member_of_the_document(self):
        document, _ = replay_json("--mem", "--load", "ertt", WRAP)
        zones = {zone["name"]: zone for zone in document["memory"]["zones"]}
        self.assertEqual(zones["ertt"]["used"], 2)
        self.assertEqual(document["memory"]["types"], [])
        self.assertNotIn("memory", replay_json("--load", "ertt", WRAP)[0])

    def test_mem_beside_csv_goes_to_standard_error(self):
        done = run("replay", "--mem", "--csv", "--load", "ertt", WRAP)
        self.assertIn("ZONE ", done.stderr)
        self.assertNotIn("ZONE ", done.stdout)


class UnloadAfter(SystemTest):
    def test_what_was_measured_until_then_is_reported_and_the_replay_goes_on(self):
        whole, _ = replay_json("--load", "ertt", WRAP)
        part, done = replay_json("--load", "ertt", "--unload-after", 20, WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(part["captures"], whole["captures"])
        ours = part["connections"][0]["directions"][0]
        theirs = whole["connections"][0]["directions"][0]
        self.assertEqual(ours["segments"], theirs["segments"])
        self.assertGreater(ours["helpers"]["ertt"]["samples"], 0)
        self.assertLess(ours["helpers"]["ertt"]["samples"], theirs["helpers"]["ertt"]["samples"])
        self.assertLess(part["helpers"][0]["calls"], whole["helpers"][0]["calls"])
        self.assertEqual(part["helpers"][0]["attached"], 2)

    def test_connections_opened_later_have_no_data(self):
        document, done = replay_json("--load", "ertt", "--unload-after", 30,
                                     self.capture(connections=2, exchanges=20))
        self.assertEqual(done.returncode, 0, done.stderr)
        first, second = document["connections"]
        self.assertGreater(first["directions"][0]["helpers"]["ertt"]["samples"], 0)
        self.assertIsNone(second["directions"][0]["helpers"]["ertt"])

    def test_zero_unloads_after_the_first_packet_at_the_latest(self):
        document, done = replay_json("--load", "ertt", "--unload-after", 0, WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual(document["helpers"][0]["calls"], 1)


class SamplesAndPlot(SystemTest):
    def test_samples_lists_every_measurement(self):
        file = self.folder / "samples.csv"
        document, done = replay_json("--load", "ertt", "--samples", file, WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(file.open(newline="")))
        self.assertEqual(list(rows[0]), ["time", "connection", "src", "dst", "helper", "field",
                                         "value"])
        ertt = document["connections"][0]["directions"][0]["helpers"]["ertt"]
        rtts = [row for row in rows if row["field"] == "rtt_us"]
        self.assertEqual(len(rtts), ertt["samples"])
        self.assertEqual({row["value"] for row in rtts}, {"10000.000"})
        self.assertEqual({row["src"] for row in rtts}, {"10.0.0.1:1000"})

    def test_samples_and_reports_number_connections_alike(self):
        made = self.capture(connections=40, exchanges=3)
        file = self.folder / "samples.csv"
        rows = list(csv.DictReader(io.StringIO(run(
            "replay", "--csv", "--load", "ertt", "--samples", file, made, BULK).stdout)))
        document, _ = replay_json(made, BULK)
        numbers = {(row["src"], row["dst"]): row["connection"] for row in rows}
        self.assertEqual(len(set(numbers.values())), len(rows) // 2)
        self.assertEqual(numbers, {(d["src"], d["dst"]): str(c["connection"])
                                   for c in document["connections"] for d in c["directions"]})
        samples = list(csv.DictReader(io.StringIO(file.read_text())))
        self.assertGreater(len({sample["connection"] for sample in samples}), 40)
        for sample in samples:
            self.assertEqual(sample["connection"], numbers[sample["src"], sample["dst"]], sample)

    def test_the_plot_is_an_svg_with_a_legend_entry_per_measured_direction(self):
        file = self.folder / "rtt.svg"
        done = run("replay", "--load", "ertt", "--plot", file, WRAP)
        self.assertEqual(done.returncode, 0, done.stderr)
        root = xml.etree.ElementTree.parse(file).getroot()
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("RTT [ms]", words)
        self.assertTrue(any(w.startswith("10.0.0.1:1000 to 10.0.0.2:80") for w in words), words)

    def test_the_plot_of_many_measurements_stays_small(self):
        file = self.folder / "rtt.svg"
        run("replay", "--load", "ertt", "--plot", file, self.capture(exchanges=20000))
        self.assertLess(file.stat().st_size, 200_000)


class Words(SystemTest):
    def test_help_names_every_option_and_the_exit_status(self):
        done = run("replay", "--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--load", "--json", "--csv", "--samples", "--plot", "--explain", "--mem", "--raw",
                       "--unload-after", "--debug", "--module-path", "--top", "--jobs", "CAPTURE"):
            self.assertIn(option, done.stdout)
        self.assertIn("Exit status", done.stdout)
        self.assertIn("Usage: khelp replay [OPTIONS]", done.stdout)
        self.assertEqual(run("--help").returncode, 0)

    def test_version_names_the_program_and_the_module_abi(self):
        done = run("version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^khelp \d+\.\d+\.\d+, module ABI \d+\n$")


if __name__ == "__main__":
    unittest.main()
