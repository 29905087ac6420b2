#include "core/helpers/attachment.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cxxabi.h>
#include <exception>
#include <new>
#include <span>
#include <utility>

#include "base/cancellation.hpp"
#include "base/guarded.hpp"
#include "base/kept_errno.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "core/helpers/helper.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/object_walk.hpp"
#include "core/objects/osd.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/objects/osd_stripe.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/item_call.hpp"
#include "sync/section.hpp"

namespace khelp {

straight_attachments straight_giving;

void note_state(const helper& h, std::uint32_t state) noexcept {
  if (h.slot - 1 >= osd_slots::inline_slots || !h.keeps_data() || !h.starts_plainly)
    return;
  inline_giver& giver = straight_giving.givers[h.slot - 1];
  const bool gives = state == KHELP_HELPER_LIVE || state == helper_leaving;
  if (!gives)
    store_release(giver.gives, 0U);
  store_relaxed(giver.zone, h.zone);
  store_relaxed(giver.block, h.block);
  store_relaxed(giver.classes, state == KHELP_HELPER_DEAD ? 0 : h.classes);
  if (gives)
    store_release(giver.gives, h.classes);
}

sections_now::sections_now(const open_since& then) noexcept
    : found_(objects_in_sections(objects_, then.epoch)), deep_(!deep_left(deep_total, then.deep)) {}

bool sections_now::may_be_of(const khelp_osd* object) const noexcept {
  if (deep_ || found_ > objects_.size())
    return true;
  const auto end = objects_.begin() + static_cast<std::ptrdiff_t>(found_);
  return std::find(objects_.begin(), end, object) != end;
}

namespace {

constexpr std::int64_t look_again_ns = 10'000'000;
constexpr unsigned every_slot = osd_slots::max_slots;

// Items of objects that this thread destroyed inside their own hooks. Linked through their owners.
__thread void* deferred_items __attribute__((tls_model("initial-exec"))) = nullptr;

// References on a helper (helper_cell). A call takes one in hand before it looks at the helper's
// state, with a full barrier between; it becomes an object's under the object's stripe, with the
// item's owner, or is given back. A thread that has one in hand has a record, so that a fork's child
// can tell whose it was. Each is counted where it goes before it is where it comes from.
namespace reference {

void begin(const helper& h) {
  bump(h.block, cell_in_hand);
}
void keep(const helper& h) {
  bump(h.block, cell_given);
  bump_at_end(h.block, cell_out_of_hand);
}
// The other way round.
void take(const helper& h) {
  bump(h.block, cell_in_hand);
  bump_at_end(h.block, cell_gone);
}
// If this was the last reference, the helper may already be freed once it is counted.
void release(const helper& h) {
  event_count& changes = h.changes();
  bump_at_end(h.block, cell_out_of_hand);
  changes.notify_if_watched();
}

}  // namespace reference

// Whatever the helper's function does, the item is freed, and the object's other data ends too.
void end_item(helper& h, void* item) noexcept {
  if (h.is_stopped())
    return;  // the item's memory goes with the process
  const item_call in_progress;
  const auto fini = h.native != nullptr ? h.native->data_fini : nullptr;
  guarded_to_the_end("helper", h.name, "the destructor of its per-object data", [&] {
    if (fini != nullptr)
      fini(item, nullptr);
    else
      khelp_uma_zfree_arg(h.zone, item, nullptr);  // FreeBSD's: the zone has it
  });
  if (fini != nullptr)
    khelp_uma_zfree_arg(h.zone, item, nullptr);
}

// The item that an object held, and its reference.
void end_held_item(helper& h, void* item) noexcept {
  end_item(h, item);
  reference::release(h);
}

// What a call is about to give an object: a reference that is counted, data that is being made.
struct gift {
  helper* from = nullptr;  // nullptr: the object has it, or nobody
  void* item = nullptr;
  bool is_made = false;
};

// An object goes without this helper's data. Told at once, then once in a while: a constructor that
// fails for one object fails for many.
void count_refusal(helper& h, std::string_view how, std::string_view words) noexcept {
  constexpr std::int64_t told_every_ns = 60'000'000'000;
  bump(h.block, cell_refused);
  const std::int64_t now =
      std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  std::int64_t told = h.refusal_told_ns;
  if (now < told || !h.refusal_told_ns.compare_exchange_strong(told, now + told_every_ns)) {
    ++h.refusals_untold;
    return;
  }
  const std::uint64_t untold = h.refusals_untold.exchange(0);
  const number_text others(untold);
  log(KHELP_LOG_WARNING, {"helper '", h.name, "': the constructor of its per-object data ", how,
                          words, "; the object goes without",
                          untold == 0 ? "" : ", as did others since the last such message: ",
                          untold == 0 ? std::string_view() : std::string_view(others)});
}

enum class making { done, no_memory, refused };

making make_item_or_throw(gift& g) {
  const item_call in_progress;
  helper& h = *g.from;
  g.item = khelp_uma_zalloc_arg(h.zone, nullptr, KHELP_M_NOWAIT | KHELP_M_ZERO);
  if (g.item == nullptr)
    return making::no_memory;
  if (h.native != nullptr && h.native->data_init != nullptr) {
    const int error = h.native->data_init(g.item, nullptr, KHELP_M_NOWAIT);
    if (error == ENOMEM)
      return making::no_memory;
    if (error != 0) {
      count_refusal(h, "answered: ", khelp_strerror(error));
      return making::refused;
    }
  }
  g.is_made = true;
  return making::done;
}

// Only a cancellation leaves it early: in a hook's run, or below a function of C, there is nobody to
// catch what a constructor throws.
KHELP_CATCHES_FORCED_UNWINDING making make_item(gift& g) {
  try {
    return make_item_or_throw(g);
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::bad_alloc&) {
    return making::no_memory;
  } catch (const std::exception& e) {
    count_refusal(*g.from, "threw: ", e.what());
  } catch (...) {
    count_refusal(*g.from, "threw ", "something that is no std::exception");
  }
  return making::refused;
}

constexpr std::size_t at_once = 8;

// The gifts of a call; those that the object has not got end with it, also when a constructor is
// cancelled.
class gift_list {
 public:
  gift_list() {}  // NOLINT(modernize-use-equals-default): gifts_ is written as far as it is used
  gift_list(const gift_list&) = delete;
  gift_list& operator=(const gift_list&) = delete;
  ~gift_list() { clear(); }

  void clear() noexcept {
    while (count_ != 0)
      drop(gifts_[--count_]);
  }

  void add(helper& h) {
    reference::begin(h);
    ::new (&gifts_[count_++]) gift{&h};
  }
  static void drop(gift& g) noexcept {
    if (g.from == nullptr)
      return;
    helper& h = *std::exchange(g.from, nullptr);
    if (g.is_made)
      end_item(h, g.item);
    else if (g.item != nullptr)
      khelp_uma_zfree_arg(h.zone, g.item, nullptr);
    reference::release(h);
  }
  bool empty() const { return count_ == 0; }
  gift* begin() { return gifts_; }
  gift* end() { return gifts_ + count_; }

 private:
  std::size_t count_ = 0;
  union {
    gift gifts_[at_once];
  };
};

// Somebody decides whether a helper goes: ask again when its state has changed.
struct undecided {
  unsigned slot = 0;  // of the helper; 0: nobody
  std::uint32_t ticket = 0;

  explicit operator bool() const { return slot != 0; }
  // The helper may be gone meanwhile.
  void wait() const { khelp_slot_changes(slot).wait(ticket, look_again_ns); }
};

// Whether a reference that was taken, with a full barrier after it, may become an object's.
bool may_attach(const helper& h, undecided& waiting) {
  const std::uint32_t ticket = h.changes().ticket();
  const std::uint32_t state = h.state();
  if (state == KHELP_HELPER_LIVE || state == helper_leaving) [[likely]]
    return true;
  if (state == helper_checking)
    waiting = {h.slot, ticket};
  return false;
}

// The object gets the data. The stripe is held, and there is room for the slot.
void give(gift& g, khelp_osd& osd) {
  const helper& h = *std::exchange(g.from, nullptr);
  h.zone->owner_of(g.item).store({item_mark::holds, &osd});
  osd_slots::exchange(osd, h.slot, g.item);
  reference::keep(h);
}

struct attach_outcome {
  making made = making::done;  // if not, the object got nothing
  undecided waiting;
};

// Give an object the data of these helpers that are live: of all of them or none. `room`: the slots
// that it shall have room for. `given` gets the slots that were empty before. `then` is called with the
// stripe held, unless somebody has to be asked again.
template <class Given, class Then>
attach_outcome attach(std::span<helper* const> helpers, khelp_osd& osd, unsigned room, Given given,
                      Then then) {
  enrol();
  gift_list gifts;
  for (helper* h : helpers)
    gifts.add(*h);
  // Pairs with the one in attachments_see_states(): either we see that a helper is checked, or our
  // reference is seen.
  full_barrier();
  attach_outcome outcome;
  bool any = false;
  for (gift& g : gifts) {
    helper& h = *g.from;
    if (!may_attach(h, outcome.waiting)) [[unlikely]] {
      gift_list::drop(g);
      continue;
    }
    outcome.made = make_item(g);
    if (outcome.made != making::done) [[unlikely]] {
      if (outcome.made == making::no_memory)
        bump(h.block, cell_attach_failures);
      return outcome;
    }
    any = true;
  }
  const whole_object_guard held(osd);
  if (any && !osd_slots::reserve(osd, room, true)) [[unlikely]] {
    bump(helpers.front()->block, cell_attach_failures);
    outcome.made = making::no_memory;
    return outcome;
  }
  for (gift& g : gifts) {
    // What nobody needs ends when the stripe has been given back.
    if (g.from == nullptr || osd_slots::get(osd, g.from->slot) != nullptr)
      continue;
    const unsigned slot = g.from->slot;
    give(g, osd);
    given(slot);
  }
  if (!outcome.waiting)
    then();
  return outcome;
}

struct taken_item {
  helper* from = nullptr;  // stays until the item has been ended
  void* item = nullptr;    // nullptr: there was none
};

// Take the data out of a slot, for the caller to end, or onto the thread's deferred list.
taken_item take_out(khelp_osd& osd, unsigned slot, bool defer) {
  enrol();
  const whole_object_guard held(osd);
  if (osd_slots::get(osd, slot) == nullptr)
    return {};
  // As long as its data is there, which nobody else can take now, a helper stays.
  helper* h = khelp_slot_owner(slot);
  if (h == nullptr)
    return {};
  const taken_item taken{h, osd_slots::exchange(osd, slot, nullptr)};
  uma::owner_place owner = h->zone->owner_of(taken.item);
  owner.clear();
  if (defer) {
    owner.store({item_mark::deferred, deferred_items});
    deferred_items = taken.item;
  }
  reference::take(*h);
  return taken;
}

void end_deferred_items() noexcept {
  while (void* item = deferred_items) {
    khelp_uma_zone_t zone = uma::zone_of(item);
    uma::owner_place owner = zone->owner_of(item);
    deferred_items = const_cast<void*>(owner.load().address);
    owner.clear();
    end_held_item(*static_cast<helper*>(uma::served_by(zone)), item);
  }
}

void detach_one(khelp_osd& osd, unsigned slot, bool defer) {
  const taken_item taken = take_out(osd, slot, defer);
  if (taken.item != nullptr && !defer)
    end_held_item(*taken.from, taken.item);
}

// Slot by slot, from this one down, each under the stripe.
[[gnu::noinline]] int detach_slowly(khelp_osd& object, unsigned highest) {
  if (load_acquire(object.osd_state) == 0 && load_acquire(object.osd_nslots) == 0)
    return 0;
  const bool defer = inside_section_of(&object);
  for (unsigned slot = std::min<unsigned>(highest, load_acquire(object.osd_nslots)); slot > 0;
       --slot)
    detach_one(object, slot, defer);
  osd::destroy_registered_values(object);
  {
    futex_guard held(osd_stripe(object));
    osd_slots::clear(object);
  }
  if (defer && deferred_items != nullptr)
    when_outermost_closes(end_deferred_items);
  return 0;
}

bool ends_plainly(const helper* h) {
  return h != nullptr && h->ends_plainly;
}

// Behind the gate: data that calls nobody when it ends, back to its zone's cache. False: the cache
// says no, put_back() is due.
[[gnu::always_inline]] inline bool give_back(thread_record& record, const helper& from,
                                             void* item) {
  khelp_uma_zone& zone = *from.zone;
  zone.owner_of(item).clear();
  if (!uma::free_straight(zone, item)) [[unlikely]]
    return false;
  bump_at_end(record, from.block, cell_gone);
  return true;
}
void put_back(thread_record& record, const helper& from, void* item) {
  uma::free_slowly(*from.zone, item, nullptr);
  bump_at_end(record, from.block, cell_gone);
}

// Behind the gate, any object: what ends plainly, from the highest slot down to the first that does
// not. The rest under the stripe.
[[gnu::noinline]] int detach_any(khelp_osd& object, thread_record& record) {
  // Values of registered slots are strangers'; of an object that was not initialised, whoever takes
  // the last of those ends the slots, too.
  const bool ours = load_acquire(object.osd_state) == osd_initialised;
  const unsigned highest = load_relaxed(object.osd_nslots);
  unsigned left = highest;
  for (; ours && left > 0; --left) {
    void* item = osd_slots::get(object, left);
    if (item == nullptr)
      continue;
    const helper* h = khelp_slot_owner(left);
    if (!ends_plainly(h))
      break;
    osd_slots::exchange(object, left, nullptr);
    if (!give_back(record, *h, item))
      put_back(record, *h, item);
  }
  const bool done = ours && left == 0;
  if (done)
    osd_slots::clear(object);
  gate::leave(record);
  for (unsigned slot = highest; slot > left; --slot)
    khelp_slot_changes(slot).notify_if_watched();
  return done ? 0 : detach_slowly(object, left);
}

// The ends of detach_helpers() when a cache is full: still behind the gate, with data of slot 1 or of
// both that nobody else can reach any more.
[[gnu::noinline]] int put_back_first(thread_record& record, void* first) {
  if (first != nullptr)
    put_back(record, *khelp_slot_owner(1), first);
  gate::leave(record);
  khelp_slot_changes(1).notify_if_watched();
  khelp_slot_changes(2).notify_if_watched();
  return 0;
}
[[gnu::noinline]] int put_back_second(thread_record& record, void* first, void* second) {
  put_back(record, *khelp_slot_owner(2), second);
  const bool back = first == nullptr || give_back(record, *khelp_slot_owner(1), first);
  return put_back_first(record, back ? nullptr : first);
}

[[gnu::noinline]] int tell_watchers() {
  khelp_slot_changes(1).notify();
  khelp_slot_changes(2).notify();
  return 0;
}

// Slots, by number. Only the words that are used are ever written.
class slot_set {
 public:
  void insert(unsigned slot) {
    std::uint64_t& word = words_[slot / 64];
    const std::uint64_t known = std::uint64_t{1} << (slot / 64);
    word = (used_ & known) != 0 ? word : 0;
    word |= std::uint64_t{1} << (slot % 64);
    used_ |= known;
  }
  // From the highest down.
  template <class Fn>
  void for_each(Fn fn) const {
    for (std::uint64_t words = used_; words != 0;) {
      const auto w = static_cast<unsigned>(std::bit_width(words) - 1);
      words &= ~(std::uint64_t{1} << w);
      for (std::uint64_t bits = words_[w]; bits != 0;) {
        const auto bit = static_cast<unsigned>(std::bit_width(bits) - 1);
        bits &= ~(std::uint64_t{1} << bit);
        fn(w * 64 + bit);
      }
    }
  }

 private:
  std::uint64_t used_ = 0;                      // bit w: words_[w] says something
  std::uint64_t words_[khelp_slot_count / 64];  // NOLINT: see used_
};
static_assert(khelp_slot_count / 64 <= 64);

// All or nothing: what a call attached goes again unless it is done, also when it is cancelled.
class attaching {
 public:
  explicit attaching(khelp_osd& osd) : osd_(osd) {}
  attaching(const attaching&) = delete;
  attaching& operator=(const attaching&) = delete;
  ~attaching() {
    if (done_)
      return;
    fresh_.for_each([this](unsigned slot) { take_back(slot); });
    // Values of others stay.
    futex_guard held(osd_stripe(osd_));
    if (osd_.osd_state == 0) {
      osd_slots::clear(osd_);
    }
  }

  void attached(unsigned slot) { fresh_.insert(slot); }
  void done() { done_ = true; }

 private:
  void take_back(unsigned slot) noexcept {
    const taken_item taken = take_out(osd_, slot, false);
    if (taken.item != nullptr)
      end_held_item(*taken.from, taken.item);
  }

  khelp_osd& osd_;
  slot_set fresh_;
  bool done_ = false;
};

// khelp_init_osd(): every helper of the object's classes gives it its data, in load order.
//
// Whoever unloads one helper waits neither for another's constructor nor hears of a holder that is
// none: while a constructor runs no section is open, and no reference is held but on its own helper.
// Helpers that call nobody come last, together.
class initialisation {
 public:
  initialisation(std::uint32_t classes, khelp_osd& osd)
      : classes_(classes), osd_(osd), work_(osd) {}

  // ENOMEM: the object got nothing.
  result<void> run() {
    while (true) {
      switch (go_on()) {
        case next_step::construct:
          if (!construct())
            return failure(ENOMEM);
          break;
        case next_step::drop:
          in_hand_.clear();
          break;
        case next_step::wait:
          waiting_.wait();
          break;
        case next_step::none:
          return {};
        case next_step::give_up:
          return failure(ENOMEM);
      }
    }
  }

 private:
  enum class next_step { construct, drop, wait, none, give_up };
  using helpers = std::vector<helper*>;

  bool wants(const helper& h) const {
    return (h.classes & classes_) != 0 && osd_slots::get(osd_, h.slot) == nullptr;
  }

  unsigned highest_slot(const helpers& list) const {
    unsigned highest = 0;
    for (const helper* h : list)
      highest = (h->classes & classes_) != 0 ? std::max(highest, h->slot) : highest;
    return highest;
  }

  // In a section on the list of helpers, as far as nobody is called.
  next_step go_on() {
    const helper_registry::reader section(the_helpers());
    const helpers& list = section.in_load_order();
    if (!in_hand_.empty()) {
      if (const next_step done = give_in_hand(list); done != next_step::none)
        return done;
    }
    auto next = std::upper_bound(
        list.begin(), list.end(), asked_,
        [](std::uint64_t order, const helper* h) { return order < h->load_order; });
    for (; next != list.end(); ++next) {
      helper& h = **next;
      if (h.starts_plainly || !wants(h))
        continue;
      in_hand_.add(h);
      full_barrier();  // as in attach()
      waiting_ = {};
      if (may_attach(h, waiting_)) {
        asked_ = h.load_order;
        return next_step::construct;
      }
      in_hand_.clear();
      if (waiting_)
        return next_step::wait;
    }
    return attach_the_plain(list);
  }

  // A helper that begins to end now sees the reference that is in hand, and takes the data away again.
  next_step give_in_hand(const helpers& list) {
    const helper& h = *in_hand_.begin()->from;
    const std::uint32_t state = h.state();
    if (state == KHELP_HELPER_GOING || state == KHELP_HELPER_DEAD)
      return next_step::drop;
    const whole_object_guard held(osd_);
    if (osd_slots::get(osd_, h.slot) != nullptr)
      return next_step::drop;  // it was lent when it was missed
    if (h.slot > load_relaxed(osd_.osd_nslots) &&
        !osd_slots::reserve(osd_, std::max(h.slot, highest_slot(list)), true)) {
      bump(h.block, cell_attach_failures);
      return next_step::give_up;
    }
    const unsigned slot = h.slot;
    give(*in_hand_.begin(), osd_);
    in_hand_.clear();
    work_.attached(slot);
    return next_step::none;
  }

  bool construct() {
    gift& g = *in_hand_.begin();
    const making made = make_item(g);
    if (made == making::no_memory) {
      bump(g.from->block, cell_attach_failures);
      return false;
    }
    if (made == making::refused) {
      without_ = osd_went_without;
      in_hand_.clear();
    }
    return true;
  }

  next_step attach_the_plain(const helpers& list) {
    const unsigned room = highest_slot(list);
    const auto given = [this](unsigned slot) { work_.attached(slot); };
    auto next = list.begin();
    do {
      helper* some[at_once];
      std::size_t count = 0;
      for (; next != list.end() && count < at_once; ++next) {
        if ((*next)->starts_plainly && wants(**next))
          some[count++] = *next;
      }
      const bool last = next == list.end();
      const attach_outcome outcome = attach({some, count}, osd_, room, given, [&] {
        if (last)
          all_done();
      });
      if (outcome.made != making::done)
        return next_step::give_up;
      if (outcome.waiting) {
        waiting_ = outcome.waiting;
        return next_step::wait;
      }
    } while (next != list.end());
    return next_step::none;
  }

  // The stripe is held.
  void all_done() {
    osd_.osd_classes |= classes_;
    const unsigned state = osd_.osd_state | osd_initialised | without_;
    store_release(osd_.osd_state, static_cast<std::uint16_t>(state));
    work_.done();
  }

  const std::uint32_t classes_;
  khelp_osd& osd_;
  attaching work_;
  gift_list in_hand_;        // at most one: of the helper whose constructor is called
  std::uint64_t asked_ = 0;  // constructors up to this one in load order have been called
  std::uint16_t without_ = 0;
  undecided waiting_;
};

}  // namespace

const void* object_section_key() noexcept {
  static const char key = 0;
  return &key;
}

namespace {

// Words, and not memset(): items are small, and a call is what the straight line cannot afford.
[[gnu::always_inline]] inline void zero(void* item, int size) {
  auto* byte = static_cast<unsigned char*>(item);
  for (; size >= 8; size -= 8, byte += 8) {
    const std::uint64_t nothing = 0;
    __builtin_memcpy(byte, &nothing, sizeof nothing);
    asm volatile("" : "+r"(byte));  // else the compiler calls memset()
  }
  for (; size > 0; --size)
    *byte++ = 0;
}

// Behind the gate, of an object that nobody else looks into yet.
[[gnu::always_inline]] inline void give_inline(thread_record& record, const inline_giver& from,
                                               khelp_osd& osd, unsigned slot, void* item) {
  khelp_uma_zone& zone = *from.zone;
  zero(item, zone.item_size);
  bump(record, from.block, cell_given);
  zone.owner_of(item).store({item_mark::holds, &osd});
  store_release(osd.osd_u.osd_inline[slot - 1], item);
}

// An item could not be had at once: its zone's cache is filled, for the way that serves all cases.
[[gnu::noinline]] bool fill_cache(thread_record& record, const inline_giver& of,
                                  const inline_giver* had_from, void* had) {
  khelp_uma_zone_t zone = of.zone;
  if (had != nullptr && !uma::free_straight(*had_from->zone, had))
    uma::free_slowly(*had_from->zone, had, nullptr);
  void* item = uma::alloc_slowly(*zone, nullptr, KHELP_M_NOWAIT, nullptr);
  if (item != nullptr && !uma::free_straight(*zone, item))
    uma::free_slowly(*zone, item, nullptr);
  gate::leave(record);
  return false;
}

// The straight line: a new object, whose data calls nobody when it begins and has its slots inside
// the struct. As in detach_helpers() there is no lock and no locked instruction. Whoever changes a
// helper's state so that it gives no data shuts the gate once before he counts its objects
// (attachments_see_states()): either he sees what was given, or this sees the state. False: nothing
// has been done, and the other way serves the object.
[[gnu::always_inline]] inline bool attach_straight(std::uint32_t classes, khelp_osd& osd) {
  static_assert(osd_slots::inline_slots == 2);
  thread_record& record = *straight_record;
  const straight_attachments& all = straight_giving;
  if ((load_relaxed(all.seen) & classes) != classes || !may_open_first(record) ||
      !object_gate.enter(record)) [[unlikely]]
    return false;
  const inline_giver& first = all.givers[0];
  const inline_giver& second = all.givers[1];
  const std::uint32_t of_first = load_acquire(first.gives) & classes;
  const std::uint32_t of_second = load_acquire(second.gives) & classes;
  const std::uint32_t beyond = load_acquire(all.beyond) | load_acquire(osd::registrants) |
                               (load_relaxed(first.classes) ^ of_first) |
                               (load_relaxed(second.classes) ^ of_second);
  if ((beyond & classes) != 0 || (of_first | of_second) == 0 || load_acquire(osd.osd_state) != 0 ||
      load_relaxed(osd.osd_nslots) != 0) [[unlikely]] {
    gate::leave(record);
    return false;
  }
  void* first_item = nullptr;
  void* second_item = nullptr;
  if (of_first != 0 && !uma::alloc_straight(*first.zone, first_item)) [[unlikely]]
    return fill_cache(record, first, nullptr, nullptr);
  if (of_second != 0 && !uma::alloc_straight(*second.zone, second_item)) [[unlikely]]
    return fill_cache(record, second, &first, first_item);
  store_release(osd.osd_u.osd_inline[0], static_cast<void*>(nullptr));
  store_release(osd.osd_u.osd_inline[1], static_cast<void*>(nullptr));
  if (first_item != nullptr)
    give_inline(record, first, osd, 1, first_item);
  if (second_item != nullptr)
    give_inline(record, second, osd, 2, second_item);
  store_release(osd.osd_slots, static_cast<void**>(osd.osd_u.osd_inline));
  store_release(osd.osd_nslots, static_cast<std::uint16_t>(second_item != nullptr ? 2 : 1));
  osd.osd_classes |= classes;
  store_release(osd.osd_state, static_cast<std::uint16_t>(osd_initialised));
  gate::leave(record);
  return true;
}

}  // namespace

bool attach_inline_data(std::uint32_t classes, khelp_osd& osd) noexcept {
  return uma::owner_place::can_hold(&osd) && attach_straight(classes, osd);
}

result<void> attach_helpers(std::uint32_t classes, khelp_osd& osd) {
  if (!uma::owner_place::can_hold(&osd))
    return failure(EINVAL,
                   "object data: struct khelp_osd is not aligned, or its address has more "
                   "than 49 bits");
  the_helpers().note_classes(classes);
  enrol();
  return initialisation(classes, osd).run();
}

// The straight line: an object whose slots are inside the struct, with data that ends plainly.
//
// Of objects in no order the struct and each owner is a miss, and the machine is fast when it has
// those of several objects under way (bench/limits/random_objects.cpp). What it can have under way
// is bounded by stores first, then by instructions, and by whatever waits for all stores before it,
// as a locked instruction does. Hence no lock (object_gate), no call, nothing kept across one; and
// what is asked about a slot's helper does not wait for the object.
int detach_helpers(khelp_osd& object) {
  static_assert(osd_slots::inline_slots == 2);
  thread_record& record = *straight_record;
  if (!may_open_first(record) || !object_gate.enter(record)) [[unlikely]]
    return detach_slowly(object, every_slot);
  const helper* const first_owner = khelp_slot_owner(1);
  const helper* const second_owner = khelp_slot_owner(2);
  void* const* const slots = object.osd_u.osd_inline;
  void* const first = load_relaxed(slots[0]);
  void* const second = load_relaxed(slots[1]);
  if (load_acquire(object.osd_state) != osd_initialised ||
      !osd_slots::is_inline(object, load_relaxed(object.osd_slots)) ||
      (first != nullptr && !ends_plainly(first_owner)) ||
      (second != nullptr && !ends_plainly(second_owner))) [[unlikely]]
    return detach_any(object, record);
  osd_slots::clear_inline(object);
  if (second != nullptr && !give_back(record, *second_owner, second)) [[unlikely]]
    return put_back_second(record, first, second);
  if (first != nullptr && !give_back(record, *first_owner, first)) [[unlikely]]
    return put_back_first(record, first);
  gate::leave(record);
  if (khelp_slot_changes(1).is_watched() || khelp_slot_changes(2).is_watched()) [[unlikely]]
    return tell_watchers();
  return 0;
}

void* helper::data_for(khelp_osd& osd, khelp_skip& why) {
  const auto skip = [&why](khelp_skip reason) {
    why = reason;
    return nullptr;
  };
  const std::uint16_t marks = load_acquire(osd.osd_state);
  if ((marks & osd_lent) != 0)
    const whole_object_guard given_back(osd);
  // Lent when the run looked?
  if (void* data = osd_slots::get(osd, slot))
    return data;
  if ((marks & osd_initialised) == 0 || (osd.osd_classes & classes) == 0)
    return skip(KHELP_SKIP_NO_DATA);
  if ((flags & KHELP_HELPER_ADOPT) == 0) {
    // Which of the two it was is not kept for each object: it went without some helper's data, and
    // this one has refused some.
    const bool refused = (marks & osd_went_without) != 0 && counter_sum(block, cell_refused) != 0;
    return skip(refused ? KHELP_SKIP_CONSTRUCTOR : KHELP_SKIP_NO_DATA);
  }
  helper* const self = this;
  const auto adopted = [this](unsigned) { bump(block, cell_adopted); };
  switch (attach({&self, 1}, osd, slot, adopted, [] {}).made) {
    case making::no_memory:
      return skip(KHELP_SKIP_NO_MEMORY);
    case making::refused:
      return skip(KHELP_SKIP_CONSTRUCTOR);
    case making::done:
      break;
  }
  void* data = osd_slots::get(osd, slot);
  return data != nullptr ? data : skip(KHELP_SKIP_NO_DATA);
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

// Somebody, or a walk looks at who does.
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

void note_classes_beyond(std::uint32_t classes) noexcept {
  store_release(straight_giving.beyond, classes);
}

bool attachments_see_states(std::span<helper* const> of) noexcept {
  full_barrier();
  if (std::none_of(of.begin(), of.end(), [](const helper* h) { return h->keeps_data(); }))
    return true;
  const shut_gate nobody_passes(object_gate);
  return nobody_passes.certain();
}

waited revoke_data(std::span<helper* const> from, run_wait* wait) {
  // A thread that attaches now sees that they go, or is counted.
  if (!attachments_see_states(from))
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
    // Somebody has an item in hand: an object gets it yet, or it ends.
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
