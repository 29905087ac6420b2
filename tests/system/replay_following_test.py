#!/usr/bin/env python3
"""`khelp replay`: which packets belong to a connection, and for how long."""

import json
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


if __name__ == "__main__":
    unittest.main()
