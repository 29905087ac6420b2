#include "core/attachment.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <cxxabi.h>
#include <new>

#include "base/log.hpp"
#include "core/helper.hpp"
#include "core/helper_registry.hpp"
#include "core/khelp_slots.hpp"
#include "core/osd.hpp"
#include "core/osd_slots.hpp"
#include "core/osd_stripe.hpp"
#include "core/uma.hpp"
#include "sync/cancellation.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

// What an item's owner is.
constexpr unsigned holds = 1;     // the object that holds it
constexpr unsigned revoked = 2;   // the object it was revoked from
constexpr unsigned deferred = 3;  // the next item of its thread's list

constexpr std::int64_t look_again_ns = 10'000'000;

// The objects that sections are open for, as of now.
class sections_now {
 public:
  sections_now() : found_(objects_in_sections(objects_)), deep_(load_acquire(deep_total) != 0) {}
  bool may_be_of(const khelp_osd* object) const {
    if (deep_ || found_ > objects_.size())
      return true;
    const auto end = objects_.begin() + static_cast<std::ptrdiff_t>(found_);
    return std::find(objects_.begin(), end, object) != end;
  }

 private:
  std::array<const khelp_osd*, 256> objects_{};
  std::size_t found_;
  bool deep_;
};

// Items of objects that this thread destroyed inside their own hooks. Linked through their owners.
__thread void* deferred_items __attribute__((tls_model("initial-exec"))) = nullptr;

// One reference on a helper: taken before its state is looked at, given back unless kept. A thread
// that has one in hand has a record, so that a fork's child can tell whose it was.
class attachment_reference {
 public:
  explicit attachment_reference(helper& h) : helper_(h) {
    enrol();
    bump(helper_.block, cell_attached);
    // Pairs with the one in helper_registry: either we see that the helper is checked, or it sees
    // our reference.
    full_barrier();
  }
  attachment_reference(const attachment_reference&) = delete;
  attachment_reference& operator=(const attachment_reference&) = delete;
  ~attachment_reference() {
    if (!kept_)
      release(helper_);
  }
  // It is an object's now: under the object's stripe, with the item's owner.
  void keep() {
    bump(helper_.block, cell_kept);
    kept_ = true;
  }
  // The other way round.
  static void take(helper& h) { bump(h.block, cell_taken); }

  // Was it the last one, the helper may be gone when it has been counted.
  static void release(helper& h) {
    event_count& changes = h.changes();
    bump_at_end(h.block, cell_detached);
    changes.notify_if_watched();
  }

 private:
  helper& helper_;
  bool kept_ = false;
};

// Freed also when the helper's function does not return normally.
void end_item(helper& h, void* item) {
  if (h.native != nullptr && h.native->data_fini != nullptr) {
    struct freeing {
      helper& h;
      void* item;
      ~freeing() {
        if (item != nullptr)
          khelp_uma_zfree_arg(h.zone, item, nullptr);
      }
    } unwinding{h, item};
    h.native->data_fini(item, nullptr);
    unwinding.item = nullptr;
  }
  khelp_uma_zfree_arg(h.zone, item, nullptr);
}

// The item that an object held, and its reference.
void end_held_item(helper& h, void* item) {
  struct reference {
    helper& h;
    ~reference() { attachment_reference::release(h); }
  } const held{h};
  end_item(h, item);
}

// Strangers' ends where nothing may unwind: an exception is told.
template <class Fn>
void uncancelled_quietly(Fn end) noexcept {
  try {
    end();
  } catch (...) {
    log(KHELP_LOG_WARNING, {"a helper's destructor of per-object data threw"});
  }
}

// A cancellation waits, too.
template <class Fn>
void quietly(Fn end) noexcept {
  const no_cancellation later;
  uncancelled_quietly(end);
}

void end_item_quietly(helper& h, void* item) noexcept {
  quietly([&] { end_item(h, item); });
}

void end_held_item_quietly(helper& h, void* item) noexcept {
  quietly([&] { end_held_item(h, item); });
}

// An item being made: freed unless handed over, also when its constructor is cancelled.
class new_item {
 public:
  explicit new_item(helper& h) : helper_(h) {}
  new_item(const new_item&) = delete;
  new_item& operator=(const new_item&) = delete;
  ~new_item() {
    if (item_ == nullptr)
      return;
    if (constructed_)
      end_item_quietly(helper_, item_);
    else
      khelp_uma_zfree_arg(helper_.zone, item_, nullptr);
  }

  // 0, or why there is no item. Only a cancellation leaves it early: in a hook's run, or below a
  // function of C, there is nobody to catch what a constructor throws.
  KHELP_CATCHES_FORCED_UNWINDING int construct() {
    try {
      return construct_or_throw();
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    } catch (...) {
      return ECANCELED;
    }
  }
  void* get() const { return item_; }
  void hand_over() { item_ = nullptr; }

 private:
  int construct_or_throw() {
    item_ = khelp_uma_zalloc_arg(helper_.zone, nullptr, KHELP_M_NOWAIT | KHELP_M_ZERO);
    if (item_ == nullptr)
      return ENOMEM;
    if (helper_.native != nullptr && helper_.native->data_init != nullptr) {
      if (int error = helper_.native->data_init(item_, nullptr, KHELP_M_NOWAIT))
        return error;
    }
    constructed_ = true;
    return 0;
  }

  helper& helper_;
  void* item_ = nullptr;
  bool constructed_ = false;
};

struct attach_outcome {
  void* data = nullptr;
  int error = 0;          // 0 and no data: the helper takes no attachments
  bool checking = false;  // ask again when the helper's state has changed
  bool was_there = false;
};

attach_outcome attach_one(helper& h, khelp_osd& osd) {
  attachment_reference reference(h);
  const std::uint32_t state = h.state();
  if (state == helper_checking)
    return {.checking = true};
  if (state != KHELP_HELPER_LIVE)
    return {};
  new_item item(h);
  if (int error = item.construct()) {
    bump(h.block, cell_attach_failures);
    return {.error = error};
  }
  futex_guard held(osd_stripe(osd));
  if (void* there = osd_slots::get(osd, h.slot))
    return {.data = there, .was_there = true};
  if (!osd_slots::reserve(osd, h.slot, true)) {
    bump(h.block, cell_attach_failures);
    return {.error = ENOMEM};
  }
  void* data = item.get();
  uma::owner_of(h.zone, data).store({holds, &osd});
  osd_slots::exchange(osd, h.slot, data);
  item.hand_over();
  reference.keep();
  return {.data = data};
}

struct taken_item {
  helper* from = nullptr;  // stays until the item has been ended
  void* item = nullptr;    // nullptr: there was none
};

// Take the data out of a slot, for the caller to end, or onto the thread's deferred list.
taken_item take_out(khelp_osd& osd, unsigned slot, bool defer) {
  enrol();
  futex_guard held(osd_stripe(osd));
  if (osd_slots::get(osd, slot) == nullptr)
    return {};
  // As long as its data is there, which nobody else can take now, a helper stays.
  helper* h = khelp_slot_owner(slot);
  if (h == nullptr)
    return {};
  const taken_item taken{h, osd_slots::exchange(osd, slot, nullptr)};
  uma::owner_place owner = uma::owner_of(h->zone, taken.item);
  owner.clear();
  if (defer) {
    owner.store({deferred, deferred_items});
    deferred_items = taken.item;
  }
  attachment_reference::take(*h);
  return taken;
}

void end_deferred_items() noexcept {
  while (void* item = deferred_items) {
    khelp_uma_zone_t zone = uma::zone_of(item);
    uma::owner_place owner = uma::owner_of(zone, item);
    deferred_items = const_cast<void*>(owner.load().address);
    owner.clear();
    end_held_item_quietly(*static_cast<helper*>(uma::served_by(zone)), item);
  }
}

void detach_one(khelp_osd& osd, unsigned slot, bool defer) {
  const taken_item taken = take_out(osd, slot, defer);
  if (taken.item != nullptr && !defer)
    end_held_item(*taken.from, taken.item);
}

// An object's data that ends without calling anybody, from the highest slot down to the first that
// has other data: out in one go. Returns that slot; 0: nothing is left.
unsigned detach_plain(khelp_osd& object) {
  std::array<taken_item, 8> taken;  // so many at most: the rest goes one by one
  std::size_t count = 0;
  unsigned slot = object.osd_nslots;
  enrol();
  {
    futex_guard held(osd_stripe(object));
    for (; slot > 0; --slot) {
      void* item = osd_slots::get(object, slot);
      if (item == nullptr)
        continue;
      helper* h = khelp_slot_owner(slot);
      if (h == nullptr || !h->ends_plainly || count == taken.size())
        break;
      taken[count++] = {h, item};
      // Of objects in no order each of these is a miss: all of one object's at once.
      uma::owner_of(h->zone, item).fetch();
      osd_slots::exchange(object, slot, nullptr);
      attachment_reference::take(*h);
    }
    for (std::size_t i = 0; i < count; ++i)
      uma::owner_of(taken[i].from->zone, taken[i].item).clear();
    if (slot == 0 && (object.osd_state & osd::has_registered_values) == 0) {
      osd_slots::free_arrays(object);
      object = khelp_osd{};
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    khelp_uma_zfree(taken[i].from->zone, taken[i].item);
    attachment_reference::release(*taken[i].from);
  }
  return slot;
}

// All or nothing: what a call attached goes again unless it is done, also when it is cancelled.
class attaching {
 public:
  explicit attaching(khelp_osd& osd) : osd_(osd) {}
  attaching(const attaching&) = delete;
  attaching& operator=(const attaching&) = delete;
  ~attaching() {
    if (done_)
      return;
    for (unsigned slot = osd_slots::max_slots; slot > 0; --slot) {
      if (fresh_.test(slot))
        take_back(slot);
    }
    // Values of others stay.
    futex_guard held(osd_stripe(osd_));
    if (osd_.osd_state == 0) {
      osd_slots::free_arrays(osd_);
      osd_ = khelp_osd{};
    }
  }

  void attached(unsigned slot) { fresh_.set(slot); }
  void done() { done_ = true; }

 private:
  void take_back(unsigned slot) noexcept {
    const taken_item taken = take_out(osd_, slot, false);
    if (taken.item != nullptr)
      end_held_item_quietly(*taken.from, taken.item);
  }

  khelp_osd& osd_;
  std::bitset<khelp_slot_count> fresh_;
  bool done_ = false;
};

failure no_data_for(const helper& h, int error) {
  if (error == ENOMEM)
    return failure(ENOMEM);
  return {error, "helper '" + h.name +
                     "': making its data for an object failed: " + khelp_strerror(error)};
}

}  // namespace

result<void> attach_helpers(std::uint32_t classes, khelp_osd& osd) {
  if (!uma::owner_place::can_hold(&osd))
    return failure(EINVAL,
                   "object data: struct khelp_osd is not aligned, or its address has more "
                   "than 49 bits");
  helper_registry& registry = the_helpers();
  registry.note_classes(classes);
  attaching work(osd);
  bool again = true;
  while (again) {
    helper* checking = nullptr;
    std::uint32_t ticket = 0;
    {
      const helper_registry::reader list(registry);
      for (helper* h : list.by_descending_slot()) {
        if ((h->classes & classes) == 0 || !h->keeps_data() ||
            osd_slots::get(osd, h->slot) != nullptr)
          continue;
        ticket = h->changes().ticket();
        const attach_outcome outcome = attach_one(*h, osd);
        if (outcome.checking) {
          checking = h;
          break;
        }
        if (outcome.error != 0)
          return no_data_for(*h, outcome.error);
        if (outcome.data != nullptr && !outcome.was_there)
          work.attached(h->slot);
      }
      // The helper stays while the list is read.
      if (checking != nullptr && checking->state() == helper_checking)
        checking->changes().wait(ticket, look_again_ns);
    }
    again = checking != nullptr;
  }
  work.done();
  futex_guard held(osd_stripe(osd));
  osd.osd_classes |= classes;
  osd.osd_state |= osd_initialised;
  return {};
}

void detach_helpers(khelp_osd& object) {
  if (object.osd_state == 0 && object.osd_nslots == 0)
    return;
  const bool defer = inside_section() && inside_section_of(&object);
  unsigned slot = defer ? object.osd_nslots : detach_plain(object);
  if (slot == 0 && object.osd_nslots == 0)
    return;
  for (; slot > 0; --slot)
    detach_one(object, slot, defer);
  if ((object.osd_state & osd::has_registered_values) != 0)
    osd::destroy_registered_values(object);
  {
    futex_guard held(osd_stripe(object));
    osd_slots::free_arrays(object);
    object = khelp_osd{};
  }
  if (defer && deferred_items != nullptr)
    when_outermost_closes(end_deferred_items);
}

void* adopt_or_count_skip(const hook_set& set, std::size_t index, std::uint32_t slot,
                          khelp_osd* osd) {
  const counter_block block = set.entries()[index].block;
  const auto skip = [block](khelp_skip reason) {
    bump(block, cell_skips + static_cast<unsigned>(reason));
    return nullptr;
  };
  if (slot == suspended_slot)
    return skip(KHELP_SKIP_SUSPENDED);
  helper* h = set.owners[index]->wish().owner;
  if (osd == nullptr || h == nullptr || (h->flags & KHELP_HELPER_ADOPT) == 0 ||
      (osd->osd_state & osd_initialised) == 0 || (osd->osd_classes & h->classes) == 0)
    return skip(KHELP_SKIP_NO_DATA);
  const attach_outcome outcome = attach_one(*h, *osd);
  if (outcome.error != 0)
    return skip(KHELP_SKIP_NO_MEMORY);
  if (outcome.data == nullptr)
    return skip(KHELP_SKIP_NO_DATA);
  if (!outcome.was_there)
    bump(h->block, cell_adopted);
  return outcome.data;
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
        if (owner.mark != holds)
          return;
        auto& osd = *static_cast<khelp_osd*>(const_cast<void*>(owner.address));
        futex_guard stripe(osd_stripe(osd));
        // Whoever destroys the object clears this first, under the stripe: it is still there.
        if (place.load() != owner)
          return;
        osd_slots::exchange(osd, now.from.slot, nullptr);
        place.change_mark(revoked);
        now.any = true;
      },
      &p);
  return p.any;
}

// Out of use: an item goes when no section of its object, open since before, remains.
void end_revoked(helper& from, bool may_wait) {
  struct pass {
    helper& from;
    const bool may_wait;
    sections_now sections;
  } p{from, may_wait, {}};
  uma::for_each_owned(
      from.zone,
      [](void* arg, void* item, uma::owner_place place) {
        auto& now = *static_cast<pass*>(arg);
        const uma::owner owner = place.load();
        if (owner.mark != revoked)
          return;  // on a thread's deferred list
        const auto* osd = static_cast<const khelp_osd*>(owner.address);
        if (now.sections.may_be_of(osd)) {
          if (!now.may_wait)
            return;
          wait_for_sections_of(osd);
          wait_for_deep_readers(deep_total);
        }
        {
          futex_guard stripe(osd_stripe(*osd));
          place.clear();
          attachment_reference::take(now.from);
        }
        uncancelled_quietly([&] { end_held_item(now.from, item); });
      },
      &p);
}

// The rest of an item's way, when somebody else has it in hand.
void wait_for_the_last(helper& from) {
  const event_count::watch watched(from.changes());
  while (true) {
    const std::uint32_t ticket = from.changes().ticket();
    end_revoked(from, true);
    if (from.attached() == 0)
      return;
    from.changes().wait(ticket, look_again_ns);
  }
}

}  // namespace

bool revoke_data(std::span<helper* const> from, bool may_wait) {
  enrol();
  const no_cancellation later;
  bool any = false;
  for (helper* h : from) {
    if (h->zone != nullptr)
      any = empty_slots(*h) || any;
  }
  if (any && !heavy_barrier())
    return false;
  for (helper* h : from) {
    if (h->zone == nullptr)
      continue;
    end_revoked(*h, may_wait);
    if (h->attached() == 0)
      continue;
    if (!may_wait)
      return false;
    wait_for_the_last(*h);
  }
  return true;
}

void forget_references_of_others(helper& h) noexcept {
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    if (r == this_record)
      continue;
    const auto count = [&](helper_cell cell) { return counter_of(*r, h.block, cell); };
    const std::uint64_t in_hand =
        count(cell_attached) + count(cell_taken) - count(cell_kept) - count(cell_detached);
    if (in_hand != 0)
      bump(*r, h.block, cell_detached, in_hand);
  }
}

}  // namespace khelp
