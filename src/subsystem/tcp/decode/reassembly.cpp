#include "subsystem/tcp/decode/reassembly.hpp"

#include <algorithm>
#include <netinet/in.h>
#include <utility>

#include "subsystem/tcp/decode/address_number.hpp"
#include "subsystem/tcp/decode/hashing.hpp"

namespace khelp::tcp {

namespace {

/// Pieces at the same place that say the same of their segment.
bool same_header(const segment& a, const segment& b) {
  return a.source_port == b.source_port && a.destination_port == b.destination_port &&
         a.seq == b.seq && a.ack == b.ack && a.flags == b.flags && a.checksum == b.checksum &&
         a.piece.headers == b.piece.headers;
}

}  // namespace

size_t reassembly::key_hash::operator()(const packet_key& key) const {
  const address_number source = number_of(key.source);
  const address_number destination = number_of(key.destination);
  const uint64_t rest = uint64_t{key.identification} | uint64_t{key.vlan} << 32 |
                        uint64_t{key.ip_version} << 48 | uint64_t{key.protocol} << 56;
  return fold(fold(source.first ^ seed, source.second ^ rest) ^ destination.first,
              destination.second ^ seed);
}

bool reassembly::add(segment& piece, uint32_t capture, int64_t now_ns) {
  forget_old(now_ns);
  const bool ipv4 = piece.ip_version == 4;
  packet& of = packet_of({piece.source, piece.destination, piece.piece.identification, piece.vlan,
                          piece.ip_version, ipv4 ? piece.piece.protocol : uint8_t{0}},
                         now_ns);
  of.capture = capture;
  if (of.so_far == fate::whole) {
    on_loss_(capture, not_followed::fragments_repeated, 1);
    return false;
  }
  ++of.frames;
  if (of.so_far == fate::waiting)
    take(of, piece);
  if (of.so_far == fate::given_up) {
    on_loss_(capture, of.why, std::exchange(of.frames, 0));
    return false;
  }
  if (!of.has_first || of.total == 0 || of.bytes != of.total)
    return false;

  piece = of.first;
  piece.payload = of.total - piece.piece.headers;
  piece.shown = piece.payload - std::min(piece.payload, of.unseen);
  of.so_far = fate::whole;
  of.since_ns = now_ns;
  of.pieces = {};
  whole_.splice(whole_.end(), waiting_, index_.at(of.key));
  if (whole_.size() > limits_.whole)
    forget(whole_);
  return true;
}

void reassembly::forget_old(int64_t now_ns) {
  while (!waiting_.empty() && now_ns - waiting_.front().since_ns >= limits_.patience_ns)
    lose(waiting_, not_followed::fragments_missing);
  while (!whole_.empty() && now_ns - whole_.front().since_ns >= limits_.repeated_ns)
    forget(whole_);
}

reassembly::packet& reassembly::packet_of(const packet_key& key, int64_t now_ns) {
  if (const auto known = index_.find(key); known != index_.end())
    return *known->second;
  if (waiting_.size() == limits_.packets)
    lose(waiting_, not_followed::fragments_crowded);
  packet& fresh = waiting_.emplace_back();
  fresh.key = key;
  fresh.since_ns = now_ns;
  index_.emplace(key, std::prev(waiting_.end()));
  return fresh;
}

/// What does not fit with the pieces that came before gives the packet up.
void reassembly::take(packet& of, const segment& whose) {
  const fragment& piece = whose.piece;
  const range taken{piece.offset, piece.offset + piece.bytes};
  const bool first = piece.offset == 0;
  constexpr uint16_t overwrites_flags = 8;  // where TCP's flags may lie beyond this
  const bool tcp_of_ipv4 = whose.ip_version == 4 && piece.protocol == IPPROTO_TCP;
  if ((first && piece.headers == 0) || (tcp_of_ipv4 && piece.offset == overwrites_flags))
    return give_up(of, not_followed::fragments_tiny);

  const auto next =
      std::lower_bound(of.pieces.begin(), of.pieces.end(), taken,
                       [](const range& a, const range& b) { return a.start < b.start; });
  const bool same_place = next != of.pieces.end() && next->start == taken.start &&
                          next->end == taken.end && piece.more == (taken.end != of.total);
  if (same_place && (!first || same_header(of.first, whose))) {
    --of.frames;
    return on_loss_(of.capture, not_followed::fragments_repeated, 1);
  }
  const bool overlaps = (next != of.pieces.end() && next->start < taken.end) ||
                        (next != of.pieces.begin() && std::prev(next)->end > taken.start);
  const bool disagrees = piece.more ? of.total != 0 && taken.end >= of.total
                                    : of.total != 0 || next != of.pieces.end();
  if (overlaps || disagrees)
    return give_up(of, not_followed::fragments_overlapping);
  if (of.pieces.size() == limits_.pieces)
    return give_up(of, not_followed::fragments_crowded);

  of.pieces.insert(next, taken);
  of.bytes += piece.bytes;
  of.unseen += piece.unseen;
  if (!piece.more)
    of.total = taken.end;
  if (first) {
    of.first = whose;
    of.has_first = true;
  }
}

/// It stays, so that the pieces that are still to come are known.
void reassembly::give_up(packet& of, not_followed why) {
  of.so_far = fate::given_up;
  of.why = why;
  of.pieces = {};
}

/// The oldest.
void reassembly::lose(packets& from, not_followed why) {
  if (const packet& oldest = from.front(); oldest.frames != 0)
    on_loss_(oldest.capture, why, oldest.frames);
  forget(from);
}

void reassembly::forget(packets& from) {
  index_.erase(from.front().key);
  from.pop_front();
}

void reassembly::give_up_all() {
  while (!waiting_.empty())
    lose(waiting_, not_followed::fragments_missing);
  while (!whole_.empty())
    forget(whole_);
}

}  // namespace khelp::tcp
