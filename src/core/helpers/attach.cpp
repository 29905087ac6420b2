// Objects are given the data of helpers: when they are initialised, or at a hook call.
#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "core/helpers/helper_registry.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/object_walk.hpp"
#include "core/helpers/pending_items.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/objects/osd_stripe.hpp"
#include "core/zones/uma_zone.hpp"

namespace khelp {
namespace {

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
void give(pending_item& g, khelp_osd& osd) {
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
  pending_items pending;
  for (helper* h : helpers)
    pending.add(*h);
  // Pairs with the one in attachments_see_states(): either we see that a helper is checked, or our
  // reference is seen.
  full_barrier();
  attach_outcome outcome;
  bool any = false;
  for (pending_item& g : pending) {
    helper& h = *g.from;
    if (!may_attach(h, outcome.waiting)) [[unlikely]] {
      pending_items::drop(g);
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
  for (pending_item& g : pending) {
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
// An unload of one helper neither waits for another helper's constructor nor counts the object as a
// holder of its data: while a constructor runs, no section is open and the only reference held is on the
// constructor's own helper. Helpers without a constructor come last, together.
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
    pending_item& g = *in_hand_.begin();
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
  pending_items in_hand_;    // at most one: of the helper whose constructor is called
  std::uint64_t asked_ = 0;  // constructors up to this one in load order have been called
  std::uint16_t without_ = 0;
  undecided waiting_;
};

}  // namespace

result<void> attach_helpers(std::uint32_t classes, khelp_osd& osd) {
  if (!uma::owner_place::can_hold(&osd))
    return failure(EINVAL,
                   "object data: struct khelp_osd is not aligned, or its address has more "
                   "than 49 bits");
  the_helpers().note_classes(classes);
  enrol();
  return initialisation(classes, osd).run();
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

}  // namespace khelp
