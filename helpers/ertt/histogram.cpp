#include "histogram.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

namespace khelp::ertt {
namespace {

constexpr unsigned bucket_bits = 6;  // 64 buckets per octave
constexpr unsigned word_shift = 48;
constexpr std::uint64_t count_mask = (std::uint64_t{1} << word_shift) - 1;

/// The leading bits of a value: how far it is shifted, and the seven bits that are left.
std::uint64_t bucket_of(std::uint64_t value) {
  unsigned width = static_cast<unsigned>(std::bit_width(value));
  if (width <= bucket_bits + 1)
    return value;
  unsigned shift = width - (bucket_bits + 1);
  return (std::uint64_t{shift} << bucket_bits) + (value >> shift);
}

/// The value in the middle of a bucket.
std::int64_t middle_of(std::uint64_t bucket) {
  if (bucket < (2u << bucket_bits))
    return static_cast<std::int64_t>(bucket);
  std::uint64_t shift = (bucket >> bucket_bits) - 1;
  std::uint64_t lead = bucket - (shift << bucket_bits);
  return static_cast<std::int64_t>((lead << shift) + (std::uint64_t{1} << (shift - 1)));
}

}  // namespace

void histogram::add(std::int64_t value) noexcept {
  std::uint64_t bucket = bucket_of(static_cast<std::uint64_t>(value));
  std::uint64_t* end = words_.get() + used_;
  std::uint64_t* found = std::lower_bound(words_.get(), end, bucket << word_shift);
  if (found == end || *found >> word_shift != bucket) {
    auto index = found - words_.get();
    if (used_ == room_ && !grow())
      return;
    found = words_.get() + index;
    std::copy_backward(found, words_.get() + used_, words_.get() + used_ + 1);
    *found = bucket << word_shift;
    ++used_;
  }
  ++*found;
  ++count_;
}

bool histogram::grow() noexcept {
  auto room = static_cast<std::uint16_t>(room_ == 0 ? 4 : 2 * room_);
  std::unique_ptr<std::uint64_t[]> larger(new (std::nothrow) std::uint64_t[room]);
  if (!larger)
    return false;
  std::copy(words_.get(), words_.get() + used_, larger.get());
  words_ = std::move(larger);
  room_ = room;
  return true;
}

std::int64_t histogram::at_rank(std::uint64_t rank) const noexcept {
  const std::uint64_t* word = words_.get();
  while (rank >= (*word & count_mask))
    rank -= *word++ & count_mask;
  return middle_of(*word >> word_shift);
}

std::int64_t histogram::median() const noexcept {
  if (count_ == 0)
    return 0;
  std::int64_t low = at_rank((count_ - 1) / 2);
  std::int64_t high = at_rank(count_ / 2);
  return low + (high - low) / 2;
}

}  // namespace khelp::ertt
