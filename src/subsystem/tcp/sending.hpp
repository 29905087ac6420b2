/// What a segment tells of the end that sent it.
#pragma once

#include <cstdint>

#include "subsystem/tcp/decode/decode.hpp"
#include "subsystem/tcp/flow.hpp"

namespace khelp::tcp {

/// No window is larger (RFC 7323): numbers farther apart than this are not in flight together.
constexpr uint32_t largest_window = uint32_t{1} << 30;

/// The end's numbers begin here: its first segment, an acknowledgement of earlier ones, or a new
/// start.
void learn_numbers(end& e, khelp_tcp_seq first);

/// Numbers of a segment that lie below snd_max.
struct seen_before {
  uint32_t again = 0;   ///< the capture had shown them
  uint32_t filled = 0;  ///< it had missed them
};

/// The end sends [start, stop): snd_nxt, snd_max and what the capture missed follow.
seen_before send(end& e, khelp_tcp_seq start, khelp_tcp_seq stop, int64_t when_ns);

/// How things stood before send().
struct before_send {
  khelp_tcp_seq max;
  int64_t since_advance_ns;
};

/// Was this payload sent before? Where the capture has shown it, yes, unless it is a probe, or
/// begins with the byte of one. Where the capture has missed it although later bytes were sent, an
/// observer must guess: it was overtaken if it came within one round trip (3 ms if unknown) after
/// those bytes, and was not asked for by two duplicate ACKs within 20 ms.
///
/// Source   the guess and its constants are tshark's (tcp.analysis.out_of_order). Unlike tshark,
///          payload that the capture has shown is never called overtaken.
bool is_resent(const flow& f, const end& from, const end& to, const segment& seg,
               const seen_before& seen, const before_send& before, int64_t when_ns);

/// What its options say about both ends: MSS, scales, SACK, timestamps, and the segment size that
/// follows.
void learn_options(end& from, end& to, const segment& seg);

/// Its window, scaled.
void learn_windows(end& from, end& to, const segment& seg);

}  // namespace khelp::tcp
