#include "flight.hpp"

#include <new>

#include "modular.hpp"
#include "record.hpp"

namespace khelp::ertt {

static_assert(sizeof(segment) <= record_size);

flight::~flight() {
  while (first_ != nullptr)
    remove(nullptr);
}

bool flight::add(const segment& sent) noexcept {
  void* memory = size_ < KHELP_ERTT_MAX_SEGMENTS ? take_record() : nullptr;
  if (memory == nullptr)
    return false;
  auto* added = new (memory) segment(sent);
  bool in_order = last_ == nullptr || !before(added->seq, last_->end);
  segment* previous = in_order ? last_ : place_of(*added);
  added->next = previous != nullptr ? previous->next : first_;
  (previous != nullptr ? previous->next : first_) = added;
  if (previous == last_)
    last_ = added;
  ++size_;
  return true;
}

/// The segment that `added` must follow. Most retransmissions repeat what is near the front.
segment* flight::place_of(segment& added) noexcept {
  segment* previous = nullptr;
  for (segment* s = first_; s != nullptr && before(s->seq, added.end); s = s->next) {
    if (after(s->end, added.seq)) {
      s->resent = true;
      added.resent = true;
    }
    if (!after(s->seq, added.seq))
      previous = s;
  }
  return previous;
}

segment* flight::remove(segment* previous) noexcept {
  segment*& link = previous != nullptr ? previous->next : first_;
  segment* removed = link;
  link = removed->next;
  if (last_ == removed)
    last_ = previous;
  --size_;
  segment* next = link;
  give_record(removed);
  return next;
}

}  // namespace khelp::ertt
