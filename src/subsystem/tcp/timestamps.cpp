#include "subsystem/tcp/timestamps.hpp"

#include "subsystem/tcp/sequence.hpp"

namespace khelp::tcp {

namespace {
constexpr size_t first_entries = 8;
}

size_t timestamp_map::lower_bound(uint32_t tsval) {
  size_t low = 0;
  size_t high = size_;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (seq_before(at(middle).tsval, tsval))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void timestamp_map::evict_for() {
  if (size_ < ring_.size())
    return;
  const bool oldest_is_done = size_ > 1 && has_echo_ && !seq_after(at(1).tsval, last_echo_);
  if (oldest_is_done || ring_.size() == max_entries) {
    head_ = (head_ + 1) & static_cast<uint32_t>(ring_.size() - 1);
    --size_;
    return;
  }
  std::vector<entry> larger(ring_.empty() ? first_entries : ring_.size() * 2);
  for (size_t i = 0; i < size_; ++i)
    larger[i] = at(i);
  ring_.swap(larger);
  head_ = 0;
}

uint32_t timestamp_map::sent(uint32_t tsval, uint32_t now) {
  if (size_ != 0 && at(size_ - 1).tsval == tsval)
    return at(size_ - 1).tick;
  if (size_ == 0 || seq_after(tsval, at(size_ - 1).tsval)) {
    evict_for();
    at(size_++) = entry{tsval, now};
    return now;
  }

  // An older value: a segment the network or the capture put after later ones.
  const size_t position = lower_bound(tsval);
  if (position < size_ && at(position).tsval == tsval)
    return at(position).tick;
  if (position == 0)
    return now;  // older than all that is kept
  evict_for();
  const size_t place = lower_bound(tsval);
  for (size_t i = size_; i > place; --i)
    at(i) = at(i - 1);
  at(place) = entry{tsval, now};
  ++size_;
  return now;
}

std::optional<uint32_t> timestamp_map::echoed(uint32_t tsval) {
  const size_t position = lower_bound(tsval);
  if (position == size_ || at(position).tsval != tsval)
    return std::nullopt;
  if (!has_echo_ || seq_after(tsval, last_echo_)) {
    last_echo_ = tsval;
    has_echo_ = true;
  }
  return at(position).tick;
}

}  // namespace khelp::tcp
