#!/usr/bin/env python3
"""Captures to order: TCP conversations with exact round-trip times, as many as wanted.

Usage: make_pcap.py FILE [--connections N] [--exchanges N] [--rtt-ms N] [--repeat N]

Each connection opens, exchanges data that is acknowledged one round trip later, and closes.
--repeat writes the whole again N times, later and between other addresses.
"""

import argparse
import ipaddress
import struct

SYN, FIN, RST, PSH, ACK = 0x02, 0x01, 0x04, 0x08, 0x10
START_US = 1_600_000_000_000_000
ETHERNET = bytes.fromhex("020000000001" "020000000002" "0800")
REMEMBERED_US = 240_000_000  # for that long, a connection that ended


def file_header(snaplen=65535):
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, 1)


def record(when_us, frame):
    return struct.pack("<IIII", when_us // 1_000_000, when_us % 1_000_000, len(frame),
                       len(frame)) + frame


def ng_block(kind, body, order="<"):
    """A block of a pcapng file."""
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def padded(data):
    return data + bytes(-len(data) % 4)


def ng_section(order="<"):
    return ng_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def ng_interface(link=1, snaplen=0, order="<", resolution=None):
    """Times are microseconds, or units of 10^-resolution seconds."""
    options = b"" if resolution is None else struct.pack(order + "HHB3xI", 9, 1, resolution, 0)
    return ng_block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def ng_packet(interface, when, data, order="<"):
    return ng_block(6, struct.pack(order + "IIIII", interface, when >> 32, when & 0xFFFFFFFF,
                                   len(data), len(data)) + padded(data), order)


def ng_simple_packet(data, order="<"):
    return ng_block(3, struct.pack(order + "I", len(data)) + padded(data), order)


def frame(src, sport, dst, dport, seq, ack, flags, payload=b""):
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4,
                      flags, 65535, 0, 0)
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0,
                         ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed)
    return ETHERNET + header + tcp + payload


def ip(protocol, payload, like, identification=0, fragment=0):
    """Another packet between the hosts of `like`, a frame()."""
    return like[:14] + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), identification,
                                   fragment, 64, protocol, 0) + like[26:34] + payload


def conversation(client, server, when_us, exchanges, rtt_us, size=100, closes=True):
    """Yields (time, frame): handshake, `exchanges` acknowledged data segments, both FINs if it
    closes."""
    (c, cport), (s, sport) = client, server
    cseq, sseq = 1000, 5000

    def up(when, seq, ack, flags, payload=b""):
        return when, frame(c, cport, s, sport, seq, ack, flags, payload)

    def down(when, seq, ack, flags):
        return when, frame(s, sport, c, cport, seq, ack, flags)

    yield up(when_us, cseq, 0, SYN)
    yield down(when_us + rtt_us, sseq, cseq + 1, SYN | ACK)
    when_us += rtt_us + 100
    cseq, sseq = cseq + 1, sseq + 1
    yield up(when_us, cseq, sseq, ACK)
    for _ in range(exchanges):
        when_us += 100
        yield up(when_us, cseq, sseq, ACK | PSH, b"x" * size)
        cseq += size
        when_us += rtt_us
        yield down(when_us, sseq, cseq, ACK)
    if not closes:
        return
    yield up(when_us + 100, cseq, sseq, FIN | ACK)
    yield down(when_us + 200, sseq, cseq + 1, FIN | ACK)
    yield up(when_us + 300, cseq + 1, sseq + 1, ACK)


def others(begin_us, end_us):
    """Yields (time, frame): what is no TCP, so often that time is seen to pass."""
    for when_us in range(begin_us, end_us, 50_000_000):
        yield when_us, ETHERNET[:12] + b"\x88\xcc" + bytes(46)


def cooked(frame):
    """As Linux's "any" device shows it."""
    return struct.pack(">HHH8s", 0, 1, 6, frame[6:12]) + frame[12:]


def tagged(frame, vlan):
    return frame[:12] + struct.pack(">HH", 0x8100, vlan) + frame[12:]


def capture(connections=1, exchanges=20, rtt_us=10_000, repeat=1):
    """Yields the bytes of a capture file, piece by piece."""
    yield file_header()
    start = START_US
    for turn in range(repeat):
        end = start
        for number in range(connections):
            client = f"10.{turn + 1}.{number // 250}.{number % 250 + 1}"
            last = start
            for when, data in conversation((client, 40000), ("192.0.2.1", 443), last, exchanges,
                                           rtt_us):
                yield record(when, data)
                end = max(end, when)
            start = end + 1000
        start = end + 1000


def later(captured, seconds):
    """The same capture, of little-endian microseconds, at a later time."""
    moved, at = bytearray(captured), len(file_header())
    while at < len(moved):
        when, _, size = struct.unpack_from("<III", moved, at)
        struct.pack_into("<I", moved, at, when + seconds)
        at += 16 + size
    return bytes(moved)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--exchanges", type=int, default=20)
    parser.add_argument("--rtt-ms", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    with open(asked.file, "wb") as out:
        for piece in capture(asked.connections, asked.exchanges, asked.rtt_ms * 1000,
                             asked.repeat):
            out.write(piece)


if __name__ == "__main__":
    main()
