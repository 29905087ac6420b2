// Helpers take their data away from live objects.
#include <algorithm>
#include <span>
#include <utility>

#include "base/cancellation.hpp"
#include "core/helpers/attachment_parts.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/objects/osd_stripe.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/section.hpp"

namespace khelp {

sections_now::sections_now(const open_since& then) noexcept
    : found_(objects_in_sections(objects_, then.epoch)), deep_(!deep_left(deep_total, then.deep)) {}

bool sections_now::may_be_of(const khelp_osd* object) const noexcept {
  if (deep_ || found_ > objects_.size())
    return true;
  const auto end = objects_.begin() + static_cast<std::ptrdiff_t>(found_);
  return std::find(objects_.begin(), end, object) != end;
}

namespace {

// Out of reach: the slots are emptied, the items say which object they came from. Whether there was
// any. Nobody gives objects this helper's data any more: an owner can only be cleared meanwhile.
bool empty_slots(helper& from) {
  struct pass {
    helper& from;
    bool any = false;
  } p{from};
  uma::for_each_owned(
      from.zone,
      [](void* arg, void*, uma::owner_place place) {
        auto& now = *static_cast<pass*>(arg);
        const uma::owner owner = place.load();
        if (owner.mark != item_mark::holds)
          return;
        auto& osd = *static_cast<khelp_osd*>(const_cast<void*>(owner.address));
        futex_guard stripe(osd_stripe(osd));
        // Whoever destroys the object clears this first, under the stripe: it is still there.
        if (place.load() != owner)
          return;
        osd_slots::exchange(osd, now.from.slot, nullptr);
        place.change_mark(item_mark::revoked);
        now.any = true;
      },
      &p);
  return p.any;
}

// Out of use: an item goes when no section of its object, open since before, remains.
// wait: nullptr: end those that are in no use now. False: the time is over.
bool end_revoked(helper& from, run_wait* wait) {
  struct pass {
    helper& from;
    run_wait* const wait;
    sections_now sections;
    bool in_time = true;
  } p{from, wait, sections_now(from.emptied)};
  uma::for_each_owned(
      from.zone,
      [](void* arg, void* item, uma::owner_place place) {
        auto& now = *static_cast<pass*>(arg);
        const uma::owner owner = place.load();
        if (owner.mark != item_mark::revoked || !now.in_time)
          return;  // on a thread's deferred list, or of no use to look at
        const auto* osd = static_cast<const khelp_osd*>(owner.address);
        if (now.sections.may_be_of(osd)) {
          if (now.wait == nullptr)
            return;
          now.in_time = wait_for_runs_of(osd, now.from.emptied, *now.wait);
          if (!now.in_time)
            return;
        }
        {
          futex_guard stripe(osd_stripe(*osd));
          place.clear();
          reference::take(now.from);
        }
        end_held_item(now.from, item);
      },
      &p);
  return p.in_time;
}

// An object does, or a thread has a reference in hand; or a walk looks at the objects.
bool holds_data(const helper* h) {
  return h->zone != nullptr && (h->attached() != 0 || h->walks != 0);
}

// Take their data out of objects' slots, and end what no section uses any more.
waited revoke_once(std::span<helper* const> from, run_wait* wait) {
  bool any = false;
  {
    const shut_gate nobody_passes(object_gate);
    if (!nobody_passes.certain())
      return waited::refused;
    for (helper* h : from) {
      if (holds_data(h))
        h->emptied_now = empty_slots(*h) || h->emptied_now;
      any = any || h->emptied_now;
    }
  }
  if (any) {
    const auto now = sections_from_now();
    if (!now)
      return waited::refused;
    for (helper* h : from) {
      if (std::exchange(h->emptied_now, false))
        h->emptied = *now;
    }
  }
  for (helper* h : from) {
    if (holds_data(h) && !end_revoked(*h, wait))
      return waited::too_late;
  }
  return waited::done;
}

}  // namespace

bool attachments_see_states(bool keep_data) noexcept {
  full_barrier();
  if (!keep_data)
    return true;
  const shut_gate nobody_passes(object_gate);
  return nobody_passes.certain();
}

waited revoke_data(std::span<helper* const> from, run_wait* wait) {
  // A thread that attaches now sees that they go, or is counted.
  const auto keeps_data = [](const helper* h) { return h->keeps_data(); };
  if (!attachments_see_states(std::any_of(from.begin(), from.end(), keeps_data)))
    return waited::refused;
  const auto with_data = [from] { return std::find_if(from.begin(), from.end(), holds_data); };
  auto next = with_data();
  if (next == from.end())
    return waited::done;
  enrol();
  const no_cancellation later;
  while (next != from.end()) {
    event_count& changes = (*next)->changes();
    const event_count::watch watched(changes);
    const std::uint32_t ticket = changes.ticket();
    if (const waited outcome = revoke_once(from, wait); outcome != waited::done)
      return outcome;
    next = with_data();
    if (next == from.end())
      break;
    // A thread has a reference in hand: it becomes an object's yet, or is given back.
    if (wait == nullptr || !wait->goes_on({}))
      return waited::too_late;
    changes.wait(ticket, std::min(wait->slice_ns(), look_again_ns));
  }
  return waited::done;
}

void forget_references_of_others(helper& h) noexcept {
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    if (r == this_record)
      continue;
    const std::uint64_t in_hand =
        counter_of(*r, h.block, cell_in_hand) - counter_of(*r, h.block, cell_out_of_hand);
    if (in_hand != 0)
      bump(*r, h.block, cell_out_of_hand, in_hand);
  }
}

}  // namespace khelp
