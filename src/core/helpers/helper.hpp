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
  bool starts_plainly = false;     // nobody is called when its data is made
  bool ends_plainly = false;       // nobody is called when its data ends
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

  // Unloads that wait for data to drain (registry_mutex). Invariant, outside helper_checking and
  // GOING: state == DRAINING iff waiting_unloads > 0 or quiesced.
  unsigned waiting_unloads = 0;
  bool quiesced = false;

  // Who loads it, decides about it or ends it: COMING, helper_checking or GOING. Guarded by
  // registry_mutex. One that is GOING and in nobody's hands is ended by whoever reaps.
  bool in_hand = true;
  bool finishing = false;  // by whoever reaps
  // GOING, and nobody is about to end it: its name is free. Whoever reaps ends it when its runs and its
  // data allow that, unless that cannot be known.
  bool zombie = false;
  pthread_t worker = pthread_self();
  void take_in_hand() {
    in_hand = true;
    worker = pthread_self();
  }
  // While GOING: the wait for runs that may still call its hooks; nullptr once they have left; when its
  // data was taken out of objects' slots; whether some has been since. Owned by `worker`.
  std::unique_ptr<reader_wait> readers;
  open_since emptied;
  bool emptied_now = false;

  // Walks over its objects, each with a pin on its zone (helper_registry::pin()).
  std::atomic<std::uint32_t> walks{0};

  void* data_for(khelp_osd& osd, khelp_skip& why) override;

  bool keeps_data() const { return (flags & KHELP_HELPER_NEEDS_OSD) != 0; }

  // State, or the number of objects.
  event_count& changes() const noexcept { return khelp_slot_changes(slot); }

  std::uint32_t state() const noexcept { return load_acquire(state_); }
  void set_state(std::uint32_t next) noexcept {
    store_release(state_, next);
    note_state(*this, next);
    changes().notify();
  }

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
  std::uint32_t state_ = KHELP_HELPER_COMING;
  std::uint32_t stopped_ = 0;
};

}  // namespace khelp
