#include "core/objects/osd_types.hpp"

#include <climits>
#include <new>

#include "sync/futex.hpp"

namespace khelp::osd {

mutex types_mutex;

namespace {

constexpr std::int64_t sleep_slice_ns = 1'000'000'000;

constinit type types[max_types];

__thread slot_use* innermost_use __attribute__((tls_model("initial-exec"))) = nullptr;

}  // namespace

type* find_type(unsigned number) noexcept {
  if (number >= max_types)
    return nullptr;
  type& t = types[number];
  if (!t.defined && number <= KHELP_OSD_LAST) {
    // The types that are there from the start.
    lock_guard held(types_mutex);
    t.linked = number != KHELP_OSD_KHELP;
    t.methods = number == KHELP_OSD_JAIL ? KHELP_PR_MAXMETHOD : 0;
    t.defined = true;
  }
  return t.defined ? &t : nullptr;
}

type& any_type(unsigned number) noexcept {
  return types[number];
}

unsigned type::lowest_vacant() noexcept {
  for (unsigned slot = 1; slot <= osd_slots::max_slots; ++slot) {
    if (slot <= slots_) {
      if (entry(slot).state == slot_entry::vacant)
        return slot;
      continue;
    }
    auto& block = blocks_[(slot - 1) / block_size];
    if (block.load() == nullptr) {
      auto* made = new (std::nothrow) slot_entry[block_size];
      if (made == nullptr)
        return 0;
      block = made;
    }
    slots_ = slot;
    return slot;
  }
  return 0;
}

slot_use::slot_use(type& t, unsigned slot, purpose why) noexcept {
  if (slot == 0 || slot > t.slots())
    return;
  slot_entry& entry = t.entry(slot);
  // Either the deregistration sees this use, or this sees what it did to the state.
  ++entry.uses;
  const std::uint32_t state = entry.state;
  if (state != slot_entry::registered && (state != slot_entry::leaving || why != to_destroy)) {
    --entry.uses;
    futex_wake_all(entry.uses);
    return;
  }
  entry_ = &entry;
  outer_ = innermost_use;
  innermost_use = this;
}

slot_use::~slot_use() {
  if (entry_ == nullptr)
    return;
  innermost_use = outer_;
  --entry_->uses;
  if (entry_->state != slot_entry::registered)
    futex_wake_all(entry_->uses);
}

std::uint32_t own_uses(const slot_entry& entry) noexcept {
  std::uint32_t uses = 0;
  for (const slot_use* use = innermost_use; use != nullptr; use = use->outer_)
    uses += use->entry_ == &entry ? 1 : 0;
  return uses;
}

void wait_for_uses(slot_entry& entry) noexcept {
  const std::uint32_t own = own_uses(entry);
  while (true) {
    const std::uint32_t seen = entry.uses;
    if (seen <= own)
      return;
    futex_wait(entry.uses, seen, sleep_slice_ns);
  }
}

void forget_uses_of_others() noexcept {
  for (type& t : types) {
    for (unsigned slot = 1; slot <= t.slots(); ++slot)
      t.entry(slot).uses = own_uses(t.entry(slot));
  }
}

}  // namespace khelp::osd
