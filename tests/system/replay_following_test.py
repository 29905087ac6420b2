#!/usr/bin/env python3
"""`khelp replay`: which packets belong to a connection, and for how long."""

import json
import struct
import unittest

import make_pcap
from make_pcap import ACK, PSH, RST
from program import SystemTest, run

CLIENT, SERVER = ("192.0.2.10", 40000), ("198.51.100.20", 80)
START_US = make_pcap.START_US
SECOND_US = 1_000_000


def exchange(when_us, seq, rtt_us=20_000, size=100, client=CLIENT):
    """Data of the client's, and its acknowledgement."""
    yield when_us, make_pcap.frame(*client, *SERVER, seq, 5001, ACK | PSH, b"x" * size)
    yield when_us + rtt_us, make_pcap.frame(*SERVER, *client, 5001, seq + size, ACK)


class Following(SystemTest):
    def write(self, frames):
        capture = self.folder / "made.pcap"
        with capture.open("wb") as out:
            out.write(make_pcap.file_header())
            for when_us, data in sorted(frames, key=lambda each: each[0]):
                out.write(make_pcap.record(when_us, data))
        return capture

    def replay(self, frames, *options):
        done = run("replay", "--json", "--load", "ertt:delack_filter=0", *options,
                   self.write(frames))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def connections_of(self, document, client):
        return [one for one in document["connections"]
                if f"{client[0]}:{client[1]}" in (one["directions"][0]["src"],
                                                  one["directions"][0]["dst"])]


class Lifetime(Following):
    def others(self, seconds):
        """Another connection, with a segment a second."""
        for second in range(seconds):
            yield from exchange(START_US + second * SECOND_US, 1001 + 100 * second,
                                client=("192.0.2.77", 7777))

    def test_an_injected_reset_outside_the_window_does_not_split_a_connection(self):
        frames = list(make_pcap.conversation(CLIENT, SERVER, START_US, 1, 20_000, closes=False))
        frames.append((START_US + SECOND_US,
                       make_pcap.frame(*SERVER, *CLIENT, 5001 + 12345, 1101, RST | ACK)))
        frames += exchange(START_US + 300 * SECOND_US, 1101)
        document = self.replay(frames + list(self.others(310)))
        self.assertEqual(len(self.connections_of(document, CLIENT)), 1)

    def test_a_session_may_be_idle_for_two_hours(self):
        frames = list(make_pcap.conversation(CLIENT, SERVER, START_US, 1, 20_000, closes=False))
        for turn, when in enumerate((299, 299 + 7200, 299 + 7200 + 7441)):
            frames += exchange(START_US + when * SECOND_US, 1101 + 100 * turn)
        # Others a minute apart show that time passes.
        frames += [(START_US + when * SECOND_US, data)
                   for when in range(0, 15000, 60)
                   for data in (make_pcap.frame("192.0.2.77", 7777, *SERVER, 1, 1, ACK),)]
        document = self.replay(frames)
        self.assertEqual([one["directions"][0]["segments"]
                          for one in self.connections_of(document, CLIENT)], [3, 1])


class Layers(Following):
    def wrapped(self, wrap):
        return [(when, wrap(data)) for when, data in
                make_pcap.conversation(CLIENT, SERVER, START_US, 10, 20_000)]

    def assert_measured(self, frames):
        document = self.replay(frames)
        ertt = document["connections"][0]["directions"][0]["helpers"]["ertt"]
        self.assertEqual((ertt["samples"], ertt["min_us"], ertt["max_us"]), (10, 20000, 20000))

    def test_authentication_headers_are_followed_in_ipv4(self):
        header = struct.pack(">BBHII", 6, 4, 0, 0x100, 1) + bytes(12)
        self.assert_measured(self.wrapped(lambda data: make_pcap.ip(51, header + data[34:], data)))

    def test_a_ppp_protocol_may_be_one_byte(self):
        self.assert_measured(self.wrapped(lambda data: data[:12] + struct.pack(
            ">HBBHHB", 0x8864, 0x11, 0, 1, len(data) - 14 + 1, 0x21) + data[14:]))

    def test_tunnels_are_counted_and_told(self):
        ethernet = make_pcap.ETHERNET
        vxlan = struct.pack(">HHHHII", 50000, 4789, 0, 0, 0x08000000, 42 << 8)
        for reason, words, wrap in (
                ("gre", "in a GRE tunnel",
                 lambda data: make_pcap.ip(47, struct.pack(">HH", 0, 0x0800) + data[14:], data)),
                ("ip_in_ip", "of IP in IP", lambda data: make_pcap.ip(4, data[14:], data)),
                ("encrypted", "encrypted", lambda data: make_pcap.ip(50, bytes(60), data)),
                ("udp_tunnel", "in a VXLAN, Geneve or GTP tunnel",
                 lambda data: make_pcap.ip(17, vxlan + data, data)),
                ("mpls", "with MPLS labels",
                 lambda data: ethernet[:12] + b"\x88\x47\0\x01\x01\x40" + data[14:])):
            capture = self.write(self.wrapped(wrap))
            for form in ("--json", "--csv", None):
                done = run("replay", *filter(None, (form, capture)))
                with self.subTest(reason=reason, form=form):
                    self.assertEqual(done.returncode, 0)
                    self.assertIn(f"not followed: 26 frames {words}\n", done.stderr)
                    if form == "--json":
                        counts = json.loads(done.stdout)["captures"][0]["not_followed"]
                        self.assertEqual({name for name in counts if counts[name]}, {reason})
                    elif form is None:
                        self.assertIn(f"\nnot followed: 26 frames {words}\n", done.stdout)


class Fragments(Following):
    """Data that travels in fragments."""

    def pieces(self, when_us, data, identification, size=1480):
        payload = data[34:]
        for offset in range(0, len(payload), size):
            more = 0x2000 if offset + size < len(payload) else 0
            yield when_us, make_pcap.ip(6, payload[offset:offset + size], data, identification,
                                        more | offset // 8)
            when_us += 10

    def frames(self):
        for number, (when, data) in enumerate(
                make_pcap.conversation(CLIENT, SERVER, START_US, 8, 20_000, size=3000)):
            yield from self.pieces(when, data, number)

    def assert_measured(self, document):
        direction = document["connections"][0]["directions"][0]
        ertt = direction["helpers"]["ertt"]
        self.assertEqual((direction["segments"], direction["bytes"]), (8, 24000))
        self.assertEqual((ertt["samples"], ertt["min_us"], ertt["max_us"]), (8, 19980, 19980))
        self.assertEqual(document["captures"][0]["tcp_segments"], 3 + 16 + 3)
        self.assertEqual(document["captures"][0]["fragments"], 24)

    def test_are_put_together(self):
        document = self.replay(self.frames())
        self.assert_measured(document)
        self.assertEqual(set(document["captures"][0]["not_followed"].values()), {0})

    def test_are_put_together_in_ipv6(self):
        def as_ipv6(frame):
            length, identification, field = struct.unpack_from(">xxHHH", frame, 14)
            payload = frame[34:]
            kind = 6
            if field & 0x3fff:
                payload = struct.pack(">BxHI", 6, (field & 0x1fff) * 8 | field >> 13,
                                      identification) + payload
                kind = 44
            return (frame[:12] + struct.pack(">HIHBB", 0x86dd, 0x60000000, len(payload), kind, 64)
                    + bytes(12) + frame[26:30] + bytes(12) + frame[30:34] + payload)
        self.assert_measured(self.replay((when, as_ipv6(data)) for when, data in self.frames()))

    def test_the_number_of_threads_does_not_matter(self):
        frames = []
        for number in range(200):
            client = (f"10.1.{number}.1", 40000)
            for when, data in make_pcap.conversation(client, SERVER, START_US + number, 8, 20_000,
                                                     size=3000):
                frames += self.pieces(when, data, len(frames) % 65536)
        alone, several = (self.replay(frames, "--jobs", jobs) for jobs in (1, 3))
        alone["elapsed_s"] = several["elapsed_s"] = 0
        self.assertEqual(alone, several)

    def test_that_do_not_come_are_told(self):
        frames = [(when, data) for when, data in self.frames()
                  if struct.unpack_from(">H", data, 20)[0] != 0x2000 | 1480 // 8]
        done = run("replay", "--csv", self.write(frames))
        self.assertIn("not followed: 16 frames of packets that lack a fragment\n", done.stderr)


class Copies(Following):
    """As `tcpdump -i any` has them on a bridge: each packet twice."""

    def frames(self):
        for when, data in make_pcap.conversation(CLIENT, SERVER, START_US, 10, 20_000):
            yield when, data
            yield when + 12, data

    def test_are_no_retransmissions(self):
        document = self.replay(self.frames())
        self.assertEqual(document["captures"][0]["tcp_segments"], 52)
        forth, back = document["connections"][0]["directions"]
        ertt = forth["helpers"]["ertt"]
        self.assertEqual((ertt["samples"], ertt["min_us"], ertt["max_us"]), (10, 20000, 20000))
        self.assertEqual((forth["segments"], forth["bytes"], forth["retransmitted"]), (10, 1000, 0))
        self.assertEqual((forth["copies"], back["copies"]), (14, 12))

    def test_are_told(self):
        capture = self.write(self.frames())
        self.assertIn("\ncaptured again: 26 segments\n", run("replay", capture).stdout)
        header, forth, _ = run("replay", "--csv", capture).stdout.splitlines()
        self.assertEqual(dict(zip(header.split(","), forth.split(",")))["copies"], "14")


if __name__ == "__main__":
    unittest.main()
