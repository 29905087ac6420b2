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

bool flight::add(segment sent) noexcept {
  bool in_order = last_ == nullptr || !before(sent.seq, last_->end);
  segment* previous = in_order ? last_ : place_of(sent);
  void* memory = size_ < KHELP_ERTT_MAX_SEGMENTS ? take_record() : nullptr;
  if (memory == nullptr)
    return false;
  auto* added = new (memory) segment(sent);
  added->next = previous != nullptr ? previous->next : first_;
  (previous != nullptr ? previous->next : first_) = added;
  if (previous == last_)
    last_ = added;
  ++size_;
  return true;
}

/// The segment that `sent` must follow; copies become `resent`. Most retransmissions repeat what is
/// near the front.
segment* flight::place_of(segment& sent) noexcept {
  segment* previous = nullptr;
  for (segment* s = first_; s != nullptr && before(s->seq, sent.end); s = s->next) {
    if (after(s->end, sent.seq)) {
      s->resent = true;
      sent.resent = true;
    }
    if (!after(s->seq, sent.seq))
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
