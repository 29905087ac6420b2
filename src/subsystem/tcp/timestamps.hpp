/// Timestamp options, from the sender's clock to the observer's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace khelp::tcp {

/// When the capture first showed each TSval of one end.
///
/// A helper written for a kernel subtracts its own TSval from its own clock. In a capture a TSval
/// is a foreign clock of unknown rate and offset; what can be known is the millisecond in which a
/// segment first carried it. Values are kept until the peer has echoed a later one and the room is
/// needed.
class timestamp_map {
 public:
  /// Values that may wait for their echo: 4 seconds of a sender that counts milliseconds.
  static constexpr size_t max_entries = 4096;

  /// A segment of this end carries `tsval` at tick `now`. Returns the tick of the first that did.
  uint32_t sent(uint32_t tsval, uint32_t now);
  /// The peer echoes `tsval`. Returns the tick in which it was first sent; nothing if that was not
  /// seen.
  std::optional<uint32_t> echoed(uint32_t tsval);

 private:
  struct entry {
    uint32_t tsval;
    uint32_t tick;
  };

  entry& at(size_t i) { return ring_[(head_ + i) & (ring_.size() - 1)]; }
  size_t lower_bound(uint32_t tsval);
  void evict_for();

  // size_ entries from head_ on, ascending by tsval; ring_.size() is 0 or a power of two.
  std::vector<entry> ring_;
  uint32_t head_ = 0;
  uint32_t size_ = 0;
  uint32_t last_echo_ = 0;  // latest tsval the peer echoed; meaningful once has_echo_
  bool has_echo_ = false;
};

}  // namespace khelp::tcp
