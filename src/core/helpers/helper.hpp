// One helper, from the reservation of its name to the end of its last data.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <pthread.h>
#include <string>
#include <vector>

#include <khelp/khelp.h>
#include <khelp/stats.h>

#include "base/assert.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/points/hook_owner.hpp"
#include "core/points/subscription.hpp"
#include "sync/counters.hpp"
#include "sync/event_count.hpp"
#include "sync/publication.hpp"
#include "sync/word.hpp"

namespace khelp {

// Beside the public states (stats.h): an unload is being decided (does any object hold data? is there
// memory for the removal?). Attachments that begin meanwhile wait for the outcome.
inline constexpr std::uint32_t helper_checking = 100;
// It is being unloaded, and runs of its hooks, which are off, are waited for. If that takes too long it
// goes on as before: so objects get its data meanwhile, unless the unload waited for them already.
inline constexpr std::uint32_t helper_leaving = 101;
inline constexpr std::uint32_t helper_leaving_without_objects = 102;

// Cells of a helper's counter block. References on the helper are objects' (given - gone), or a
// thread's in the middle of a call (in_hand - out_of_hand). A reference that goes from one to the other
// is counted there before it stops being counted here.
enum helper_cell : unsigned {
  cell_given = 0,        // data that objects were given
  cell_gone = 1,         // data that was taken from them
  cell_in_hand = 2,      // references that a thread took
  cell_out_of_hand = 3,  // and gave back, or to an object
  cell_adopted = 4,
  cell_attach_failures = 5,
  // Objects that its constructor refused its data: it threw, or answered something but ENOMEM.
  cell_refused = 6,
};

class helper;
// The state is `next` now (attach_inline.cpp).
void note_state(const helper& h, std::uint32_t next) noexcept;

// Its life:
//
//                        rest()                 rest(): by who waits for its objects, and by quiesce
//            .-------> LIVE or DRAINING <--------------------.
//   go_live()|            | begin_check()                    |
//            |            v            leave()               |
//         COMING       checking <------------------> leaving |
//            |            |          check_again()      |    |
//            |            '---------------+-------------'----'
//            |   its loader is lost      go()
//            |   in a fork                v
//            '-------------------------> GOING ----> DEAD      GOING may be a zombie: its name is free
//                                              die()
class helper final : public hook_owner {
 public:
  helper() = default;
  helper(const helper&) = delete;
  helper& operator=(const helper&) = delete;
  // Not earlier than that: who holds the helper may still ask how many objects it has.
  ~helper() { give_counter_block(block); }

  // Constant once published.
  std::string name;
  std::uint32_t version = 0;
  std::uint32_t classes = 0;
  std::uint32_t flags = 0;
  const khelp_helper_x* native = nullptr;  // one of the two declared it
  khelp_helper* bsd = nullptr;
  std::size_t data_size = 0;
  khelp_uma_zone_t zone = nullptr;  // of its data; nullptr: keeps none
  bool owns_zone = false;
  bool starts_plainly = false;  // nobody is called when its data is made
  bool ends_plainly = false;    // nobody is called when its data ends
  // Objects get its data without a lock (attach_inline.cpp): its slot is inside the struct, and its data
  // needs nothing but zeroed memory.
  bool gives_inline = false;
  int (*mod_destroy)() = nullptr;  // to be called at the end; nullptr once it has been
  unsigned slot = 0;
  std::int32_t id = 0;
  std::uint64_t load_order = 0;
  counter_block block = no_counter_block;
  std::uintptr_t code_begin = 0;  // of the module it came from
  std::uintptr_t code_end = 0;
  std::function<void()> on_dead;  // called last, without locks
  // What its constructor refused is told once in a while.
  std::atomic<std::int64_t> refusal_told_ns{INT64_MIN};  // not again before, on the steady clock
  std::atomic<std::uint64_t> refusals_untold{0};
  std::shared_ptr<call_totals> totals = std::make_shared<call_totals>();

  // Hooks its init added: they go live with its table.
  std::vector<std::shared_ptr<subscription>> early_wishes;

  // ---- its life: one function for each arrow of the diagram above ----

  std::uint32_t state() const noexcept { return load_acquire(state_); }
  bool is_at_rest() const noexcept {
    const std::uint32_t now = state();
    return now == KHELP_HELPER_LIVE || now == KHELP_HELPER_DRAINING;
  }
  bool is_ending() const noexcept {
    const std::uint32_t now = state();
    return now == KHELP_HELPER_GOING || now == KHELP_HELPER_DEAD;
  }

  void go_live() noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(state() == KHELP_HELPER_COMING);
    set_state(KHELP_HELPER_LIVE);
  }
  // This thread decides whether it goes.
  void begin_check() noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(is_at_rest());
    take_in_hand();
    set_state(helper_checking);
  }
  // Its hooks are off, and their runs are waited for. gives_data: objects get its data meanwhile.
  void leave(bool gives_data) noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(state() == helper_checking);
    set_state(gives_data ? helper_leaving : helper_leaving_without_objects);
  }
  void check_again() noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(state() == helper_leaving || state() == helper_leaving_without_objects);
    set_state(helper_checking);
  }
  // Nobody decides about it (any more).
  void rest() noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(state() != KHELP_HELPER_COMING && !is_ending());
    set_state(waiting_unloads_ != 0 || quiesced_ ? KHELP_HELPER_DRAINING : KHELP_HELPER_LIVE);
    check_invariants();
  }
  // It goes, and nothing brings it back. end_it: this thread ends it; else whoever reaps.
  void go(bool end_it) noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(!is_ending());
    in_hand_ = end_it;
    set_state(KHELP_HELPER_GOING);
  }
  void die() noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(state() == KHELP_HELPER_GOING);
    set_state(KHELP_HELPER_DEAD);
  }

  // Objects get no data of it while an unload waits for them to go, or after a quiesce.
  void begin_wait() noexcept KHELP_REQUIRES(registry_mutex) {
    ++waiting_unloads_;
    rest_unless_claimed();
  }
  void end_wait() noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(waiting_unloads_ != 0);
    --waiting_unloads_;
    rest_unless_claimed();
  }
  void quiesce(bool on) noexcept KHELP_REQUIRES(registry_mutex) {
    quiesced_ = on;
    rest_unless_claimed();
  }
  bool is_quiesced() const noexcept KHELP_REQUIRES(registry_mutex) { return quiesced_; }

  // Of one that goes: who ends it. A thread that gives it back leaves it to whoever reaps.
  bool is_in_hand() const noexcept KHELP_REQUIRES(registry_mutex) { return in_hand_; }
  bool is_in_hand_of(pthread_t thread) const noexcept KHELP_REQUIRES(registry_mutex) {
    return in_hand_ && pthread_equal(worker_, thread) != 0;
  }
  bool is_finishing() const noexcept KHELP_REQUIRES(registry_mutex) { return finishing_; }
  void begin_finish() noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(state() == KHELP_HELPER_GOING && !in_hand_);
    take_in_hand();
    finishing_ = true;
    check_invariants();
  }
  void give_back() noexcept KHELP_REQUIRES(registry_mutex) {
    in_hand_ = false;
    finishing_ = false;
  }
  // Its end takes too long, or cannot be known: its name is free. Whoever reaps ends it when its runs and
  // its data allow that, if it is given back.
  void become_zombie(bool given_back) noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(state() == KHELP_HELPER_GOING);
    in_hand_ = in_hand_ && !given_back;
    zombie_ = true;
    check_invariants();
  }
  bool is_zombie() const noexcept KHELP_REQUIRES(registry_mutex) { return zombie_; }

  // In the child of a fork: what other threads were loading or ending is for whoever reaps, what they
  // decided is as it was before.
  void forget_other_threads() noexcept KHELP_REQUIRES(registry_mutex) {
    waiting_unloads_ = 0;
    const bool others = pthread_equal(worker_, pthread_self()) == 0;
    if (state() == KHELP_HELPER_COMING && others)
      go(false);  // what its init had done is as lost as any other thread's work
    if (state() != KHELP_HELPER_COMING && state() != KHELP_HELPER_GOING) {
      rest();
    } else if (others) {
      give_back();
    }
  }

  // assert.hpp
  void check_invariants() const noexcept KHELP_REQUIRES(registry_mutex) {
    KHELP_ASSERT(!is_at_rest() ||
                 (state() == KHELP_HELPER_DRAINING) == (waiting_unloads_ != 0 || quiesced_));
    KHELP_ASSERT(!finishing_ || (in_hand_ && is_ending()));
    KHELP_ASSERT(!zombie_ || is_ending());
    KHELP_ASSERT(!hooks_off || state() != KHELP_HELPER_COMING);
  }

  // While GOING: the wait for runs that may still call its hooks; nullptr once they have left; when its
  // data was taken out of objects' slots; whether some has been since. Owned by `worker_`.
  std::unique_ptr<reader_wait> readers;
  open_since emptied;
  bool emptied_now = false;

  // Walks over its objects, each with a pin on its zone (helper_registry::pin()).
  std::atomic<std::uint32_t> walks{0};

  void* data_for(khelp_osd& osd, khelp_skip& why) override;

  bool keeps_data() const { return (flags & KHELP_HELPER_NEEDS_OSD) != 0; }

  // State, or the number of objects.
  event_count& changes() const noexcept { return khelp_slot_changes(slot); }

  // The process ends, and the module's static objects with it: its hooks are off, and none of its
  // functions is called any more. Set under registry_mutex.
  bool is_stopped() const noexcept { return load_acquire(stopped_) != 0; }
  void stop() noexcept { store_release(stopped_, 1U); }

  // What ends is summed first: the sum may count a reference too many, never one too few.
  std::uint64_t attached() const noexcept {
    const std::uint64_t ended =
        counter_sum_of_ends(block, cell_gone) + counter_sum_of_ends(block, cell_out_of_hand);
    return counter_sum(block, cell_given) + counter_sum(block, cell_in_hand) - ended;
  }
  // The same, and FreeBSD's record of it says so too, for the module that prints it.
  std::uint64_t attached_as_told() const noexcept {
    const std::uint64_t objects = attached();
    if (bsd != nullptr)
      store_relaxed(const_cast<std::uint32_t&>(bsd->h_refcount),
                    static_cast<std::uint32_t>(objects));
    return objects;
  }
  // Told apart, as words say it: objects, and calls that are making data or ending it.
  struct holders {
    std::uint64_t objects;
    std::uint64_t in_hand;
  };
  holders held_by() const noexcept {
    const std::uint64_t gone = counter_sum_of_ends(block, cell_gone);
    const std::uint64_t objects = counter_sum(block, cell_given) - gone;
    const std::uint64_t all = attached();
    return {objects, all - std::min(all, objects)};
  }

 private:
  void set_state(std::uint32_t next) noexcept KHELP_REQUIRES(registry_mutex) {
    store_release(state_, next);
    note_state(*this, next);
    changes().notify();
  }
  void rest_unless_claimed() noexcept KHELP_REQUIRES(registry_mutex) {
    if (is_at_rest())
      rest();
  }
  void take_in_hand() noexcept KHELP_REQUIRES(registry_mutex) {
    in_hand_ = true;
    worker_ = pthread_self();
  }

  std::uint32_t state_ = KHELP_HELPER_COMING;  // written under registry_mutex, read by anybody
  // Unloads that wait for its objects.
  unsigned waiting_unloads_ KHELP_GUARDED_BY(registry_mutex) = 0;
  bool quiesced_ KHELP_GUARDED_BY(registry_mutex) = false;
  // Some thread loads it, decides about it or ends it: `worker_`. One that is GOING and in nobody's hands
  // is ended by whoever reaps.
  bool in_hand_ KHELP_GUARDED_BY(registry_mutex) = true;
  bool finishing_ KHELP_GUARDED_BY(registry_mutex) = false;  // by whoever reaps
  bool zombie_ KHELP_GUARDED_BY(registry_mutex) = false;
  pthread_t worker_ KHELP_GUARDED_BY(registry_mutex) = pthread_self();
  std::uint32_t stopped_ = 0;
};

}  // namespace khelp
