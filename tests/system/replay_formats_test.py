#!/usr/bin/env python3
"""`khelp replay` on captures of every form: interfaces, sections, times, and what is not followed."""

import gzip
import os
import struct
import subprocess
import unittest

import make_pcap
from make_pcap import (ACK, PSH, ng_block, ng_interface, ng_packet, ng_section, ng_simple_packet,
                       padded)
from program import DATA, KHELP, SystemTest, replay_json, run

RTT_US = 20_000
FILTER_OFF = ("--load", "ertt:delack_filter=0")


def talk(client="10.1.0.1", exchanges=10, rtt_us=RTT_US):
    """(time, Ethernet frame): handshake, data and its acknowledgements, the end."""
    return list(make_pcap.conversation((client, 40000), ("192.0.2.1", 443), make_pcap.START_US,
                                       exchanges, rtt_us))


def pcap(packets, link=1):
    header = make_pcap.file_header()[:-4] + struct.pack("<I", link)
    return header + b"".join(make_pcap.record(when, data) for when, data in packets)


def samples_of(document):
    """All connections' directions with round trips: how many, the least, the greatest."""
    return [(ertt["samples"], ertt["min_us"], ertt["max_us"])
            for connection in document["connections"] for direction in connection["directions"]
            if (ertt := direction["helpers"]["ertt"]) and ertt["samples"]]


class Formats(SystemTest):
    def file(self, content, name="made.pcapng"):
        file = self.folder / name
        file.write_bytes(content)
        return file

    def replay(self, content, *options):
        return replay_json(*FILTER_OFF, *options, self.file(content))


class Interfaces(Formats):
    def two_interfaces(self, second, as_second):
        packets = [(when, 0, data) for when, data in talk("10.1.0.1")]
        packets += [(when, 1, as_second(data)) for when, data in talk("10.1.0.2", rtt_us=40_000)]
        return ng_section() + ng_interface() + second + b"".join(
            ng_packet(interface, when, data) for when, interface, data in sorted(packets))

    def test_interfaces_may_differ_in_snapshot_length(self):
        document, done = self.replay(self.two_interfaces(ng_interface(snaplen=65535), bytes))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(samples_of(document)), [(10, 20000, 20000), (10, 40000, 40000)])

    def test_interfaces_may_differ_in_link_type(self):
        content = self.two_interfaces(ng_interface(link=113), make_pcap.cooked)
        document, done = self.replay(content)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(samples_of(document)), [(10, 20000, 20000), (10, 40000, 40000)])
        self.assertEqual(document["captures"][0]["link_type"], "EN10MB, LINUX_SLL")

    def test_an_unknown_link_type_beside_others_is_counted_and_told(self):
        document, done = self.replay(self.two_interfaces(ng_interface(link=143), bytes))
        self.assertEqual(done.returncode, 0)
        self.assertIn("not followed: 26 frames of an unknown link type", done.stderr)
        self.assertEqual(document["captures"][0]["not_followed"]["link_type"], 26)
        self.assertEqual(samples_of(document), [(10, 20000, 20000)])

    def test_unknown_link_types_alone_cannot_be_decoded(self):
        content = ng_section() + ng_interface(link=143) + ng_packet(0, 1, bytes(60))
        document, done = self.replay(content)
        self.assertEqual(done.returncode, 1)
        self.assertIn("frames of DOCSIS cannot be decoded", done.stderr)
        self.assertEqual(document["captures"][0]["packets"], 1)


class Sections(Formats):
    def test_sections_of_both_byte_orders_and_resolutions_are_one_capture(self):
        packets, content = talk(exchanges=30), b""
        for i, (when, data) in enumerate(packets):
            if i % 10 == 0:
                order, resolution = ("<", 9) if i % 20 == 0 else (">", 6)
                content += ng_section(order) + ng_interface(order=order, resolution=resolution)
            content += ng_packet(0, when * 10 ** (resolution - 6), data, order)
        document, done = self.replay(content)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(samples_of(document), [(30, 20000, 20000)])

    def test_a_stream_is_read_as_a_file_is_by_any_number_of_threads(self):
        content = ng_section() + ng_interface() + b"".join(
            ng_packet(0, when, data) for turn in range(60) for when, data in talk(f"10.1.0.{turn}"))
        document, _ = self.replay(content, "--jobs", "1")
        for jobs in ("1", "3"):
            done = subprocess.run([KHELP, "replay", "--csv", *FILTER_OFF, "--jobs", jobs, "-"],
                                  input=content, stdout=subprocess.PIPE, check=True)
            self.assertEqual(done.stdout.count(b"\n"), 121)
            self.assertEqual(done.stdout, run("replay", "--csv", *FILTER_OFF, "--jobs", "1",
                                              self.file(content)).stdout.encode())
        self.assertEqual(len(samples_of(document)), 60)

    def test_a_stream_that_pauses_is_measured_up_to_there(self):
        samples = self.folder / "samples"
        os.mkfifo(samples)
        content = ng_section() + ng_interface() + b"".join(
            ng_packet(0, when, data) for when, data in talk(exchanges=100))
        with subprocess.Popen([KHELP, "replay", *FILTER_OFF, "--samples", samples, "-"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            with open(samples, encoding="ascii") as measured:
                child.stdin.write(content)
                child.stdin.flush()  # and stays open: there might be more
                self.assertTrue(measured.readline().startswith("time,"))
                child.stdin.close()
                self.assertEqual(len(measured.readlines()), 100)
            self.assertIn(b"206 TCP segments", child.stdout.read())

    def test_captures_in_a_row_go_on_across_formats(self):
        packets = talk()
        first = self.file(ng_section() + ng_interface() + b"".join(
            ng_packet(0, when, data) for when, data in packets[:12]))
        second = self.file(pcap(packets[12:]), "second.pcap")
        document, done = replay_json(*FILTER_OFF, first, second)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(samples_of(document), [(10, 20000, 20000)])

    def test_a_cut_is_told_with_its_position_and_what_was_read_is_reported(self):
        content = ng_section() + ng_interface() + b"".join(
            ng_packet(0, when, data) for when, data in talk())
        document, done = self.replay(content[:-10])
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"packet 26, at byte \d+: the capture ends within a block")
        self.assertEqual(document["captures"][0]["packets"], 25)
        self.assertEqual(samples_of(document), [(10, 20000, 20000)])

    def test_blocks_of_an_unknown_type_are_skipped_and_counted(self):
        content = ng_section() + ng_interface() + b"".join(
            ng_packet(0, when, data) + ng_block(0xBAD, bytes(8)) for when, data in talk())
        document, done = self.replay(content)
        self.assertIn("not followed: 26 frames in blocks of an unknown type", done.stderr)
        self.assertEqual(document["captures"][0]["not_followed"]["block"], 26)
        self.assertEqual(samples_of(document), [(10, 20000, 20000)])


class WithoutTime(Formats):
    """No number without evidence."""

    def assert_nothing_is_measured(self, content, packets):
        document, done = self.replay(content)
        self.assertEqual(samples_of(document), [])
        capture = document["captures"][0]
        self.assertEqual((capture["tcp_segments"], capture["without_time"]), (packets, packets))
        self.assertIsNone(capture["first"])
        for direction in document["connections"][0]["directions"]:
            ertt = direction["helpers"]["ertt"]
            self.assertEqual((ertt["min_us"], ertt["marked_us"], ertt["ticks"]["rtt"]),
                             (None, None, 0))
        self.assertIn(f"{packets} packets without a time: nothing is measured with them",
                      done.stderr)
        self.assertIn(f"\n{packets} packets without a time: nothing is measured with them\n",
                      run("replay", self.file(content)).stdout)

    def test_simple_packets(self):
        self.assert_nothing_is_measured(ng_section() + ng_interface() + b"".join(
            ng_simple_packet(data) for _, data in talk()), 26)

    def test_stamps_of_zero(self):
        self.assert_nothing_is_measured(pcap([(0, data) for _, data in talk()]), 26)
        self.assert_nothing_is_measured(ng_section() + ng_interface() + b"".join(
            ng_packet(0, 0, data) for _, data in talk()), 26)

    def test_stamps_beyond_all_times(self):
        self.assert_nothing_is_measured(ng_section() + ng_interface(resolution=0) + b"".join(
            ng_packet(0, when + 2 ** 40, data) for when, data in talk()), 26)

    def test_fractions_of_more_than_a_second(self):
        self.assert_nothing_is_measured(make_pcap.file_header() + b"".join(
            struct.pack("<IIII", 1_600_000_000, 2_000_000 + i, len(data), len(data)) + data
            for i, (_, data) in enumerate(talk())), 26)

    def test_the_others_of_a_capture_are_measured(self):
        packets = talk()
        blocks = [ng_packet(0, when, data) for when, data in packets]
        blocks[3] = ng_simple_packet(packets[3][1])  # a segment with data
        blocks[8] = ng_simple_packet(packets[8][1])  # an acknowledgement
        document, done = self.replay(ng_section() + ng_interface() + b"".join(blocks))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(samples_of(document), [(8, 20000, 20000)])
        self.assertEqual(document["captures"][0]["without_time"], 2)


class LinkTypes(Formats):
    def test_every_link_type_gives_the_same_results(self):
        ip = [(when, data[14:]) for when, data in talk()]
        snap, wireless = bytes.fromhex("aaaa030000000800"), b"\x08\x01" + bytes(22)
        forms = {
            9: lambda x: b"\xff\x03\x00\x21" + x,
            10: lambda x: b"\x50" + bytes(12) + snap + x,
            50: lambda x: b"\xff\x03\x21" + x,
            104: lambda x: b"\x0f\x00\x08\x00" + x,
            105: lambda x: wireless + snap + x,
            117: lambda x: b"\x3d\x02" + bytes(62) + x,
            127: lambda x: b"\0\0\x08\0\0\0\0\0" + wireless + snap + x,
            192: lambda x: struct.pack("<BBHI", 0, 0, 8, 101) + x,
            239: lambda x: b"\2\0\0\0" + padded(struct.pack("<HH", 4 + len(x), 9) + x),
            258: lambda x: struct.pack("<III", 12, 1, 12) + x,
        }
        for link, form in forms.items():
            with self.subTest(link=link):
                document, done = self.replay(pcap([(when, form(x)) for when, x in ip], link))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(samples_of(document), [(10, 20000, 20000)])


class Compressed(Formats):
    def test_what_is_compressed_is_named_and_how_to_go_on(self):
        content = pcap(talk())
        for name, packed, words in (
                ("x.gz", gzip.compress(content), "zcat"),
                ("x.zst", b"\x28\xb5\x2f\xfd" + content, "zstdcat"),
                ("x.xz", b"\xfd7zXZ\0" + content, "xzcat"),
                ("x.bz2", b"BZh9" + content, "bzcat"),
                ("x.lz4", b"\x04\x22\x4d\x18" + content, "lz4cat")):
            with self.subTest(name=name):
                file = self.file(packed, name)
                self.assert_refused(run("replay", file), 3, f"{words} {file} | khelp replay -")
        file = self.file(gzip.compress(content), "it's.gz")
        done = run("replay", file)
        command = done.stderr[done.stderr.index("zcat"):].replace("| khelp", "| " + KHELP)
        unpacked = subprocess.run(command, shell=True, stdout=subprocess.PIPE, check=True)
        self.assertIn(b"26 TCP segments", unpacked.stdout)


class Malformed(SystemTest):
    def test_nothing_stops_the_program(self):
        for file in sorted((DATA / "malformed").iterdir()):
            done = run("replay", "--load", "ertt", "--json", file)
            self.assertIn(done.returncode, (0, 1, 3), file)


if __name__ == "__main__":
    unittest.main()
