/// Tests' segments, routed as the reader routes them.
#pragma once

#include <cstdint>

#include "subsystem/tcp/batch.hpp"

namespace khelp::tcp {

/// A segment of connection `n`: from 10.0.x.y, port 4000, to 10.1.0.1, port 80.
inline routed_segment segment_of(uint16_t n, uint8_t flags, points& where, const flow_hash& hash) {
  routed_segment what;
  segment& seg = what.seg;
  seg.ip_version = 4;
  seg.source = {10, 0, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
  seg.destination = {10, 1, 0, 1};
  seg.source_port = 4000;
  seg.destination_port = 80;
  seg.flags = flags;
  seg.header_words = 5;
  find_key(seg, 0, what.to);
  what.hash = hash(what.to.key);
  what.where = *where.pair_of(0);
  return what;
}

}  // namespace khelp::tcp
