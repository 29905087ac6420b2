/// IP packets that were sent in pieces, put together as far as their TCP header needs it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "subsystem/tcp/decode/decode.hpp"
#include "subsystem/tcp/decode/hashing.hpp"
#include "subsystem/tcp/decode/not_followed.hpp"

namespace khelp::tcp {

/// How much is remembered of packets whose pieces have not all come.
struct reassembly_limits {
  size_t packets = 1024;                 ///< at once: the oldest goes first
  size_t pieces = 128;                   ///< of one packet
  int64_t patience_ns = 60'000'000'000;  ///< from its first piece on (RFC 8200 4.5, RFC 1122 3.3.2)
  size_t whole = 256;  ///< packets that were put together and whose pieces may still be repeated,
  int64_t repeated_ns = 1'000'000'000;  ///< for that long
};

/// Finds out when a packet is whole. The bytes of its pieces are not kept: the TCP header must be in
/// the first piece, of the others only the lengths matter.
///
/// A piece that repeats one exactly is dropped. Where pieces overlap in any other way all of the
/// packet is given up, the pieces that are still to come included (RFC 5722, RFC 8200 4.5); so is one
/// whose TCP header does not end in its first piece, or that has a piece 8 bytes after its start
/// (RFC 1858, RFC 3128, RFC 7112). Both rules are kept for IPv4, too.
class reassembly {
 public:
  /// That many frames of that capture are not followed.
  using loss_function = std::function<void(uint32_t capture, not_followed why, uint64_t frames)>;

  reassembly(const reassembly_limits& limits, loss_function on_loss)
      : limits_(limits), on_loss_(std::move(on_loss)) {}

  /// A piece came (verdict::fragment), in that capture and at that time of the idle clock, which
  /// does not go back. true: its packet is whole, and `piece` is now the segment in it.
  bool add(segment& piece, uint32_t capture, int64_t now_ns);
  /// No more pieces will come.
  void give_up_all();

  /// Packets that are remembered.
  size_t size() const { return index_.size(); }

 private:
  /// Pieces of one packet agree in this.
  struct packet_key {
    std::array<uint8_t, 16> source;
    std::array<uint8_t, 16> destination;
    uint32_t identification;
    uint16_t vlan;
    uint8_t ip_version;
    uint8_t protocol;  // of IPv4; IPv6 does not ask for it

    bool operator==(const packet_key&) const = default;
  };
  struct key_hash {
    size_t operator()(const packet_key& key) const;
    uint64_t seed;
  };
  enum class fate : uint8_t { waiting, whole, given_up };
  struct range {
    uint32_t start;
    uint32_t end;
  };
  struct packet {
    packet_key key;
    fate so_far = fate::waiting;
    not_followed why = not_followed::fragments_missing;  // of given_up
    uint32_t capture = 0;                                // of the latest piece
    uint32_t frames = 0;
    int64_t since_ns = 0;  // when the first piece came, or when it was whole
    uint32_t bytes = 0;    // in its pieces
    uint32_t total = 0;    // 0: the last piece has not come
    uint32_t unseen = 0;   // bytes that the frames had no room for
    segment first{};       // the first piece's
    bool has_first = false;
    std::vector<range> pieces;  // ascending, apart or touching
  };
  using packets = std::list<packet>;

  void forget_old(int64_t now_ns);
  packet& packet_of(const packet_key& key, int64_t now_ns);
  void take(packet& of, const segment& piece);
  void give_up(packet& of, not_followed why);
  void lose(packets& from, not_followed why);
  void forget(packets& from);

  const reassembly_limits limits_;
  const loss_function on_loss_;
  packets waiting_;  // and given up: the oldest first
  packets whole_;    // the oldest first
  std::unordered_map<packet_key, packets::iterator, key_hash> index_{0, key_hash{random_seed()}};
};

}  // namespace khelp::tcp
