// Helpers' data on objects: attached when the object is initialised, adopted at a hook call, taken
// away when the object is destroyed or the helper revoked.
//
// Against the owner nothing is needed: it serialises init, run and destroy of one object. Against
// each other and against revoke, a slot changes only under the object's stripe, or, when its owner
// destroys it, behind the gate (osd_stripe.hpp); each item's owner word says which object holds it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <khelp/osd.h>
#include <khelp/result.hpp>

#include "core/points/hook_set.hpp"
#include "core/zones/uma.hpp"
#include "sync/counters.hpp"
#include "sync/run_wait.hpp"
#include "sync/thread_record.hpp"

namespace khelp {

class helper;

// osd_state: khelp_init_osd() was here.
inline constexpr std::uint16_t osd_initialised = 0x8000;
// osd_state: some helper's constructor refused the object its data.
inline constexpr std::uint16_t osd_went_without = 0x2000;

// What an item's owner is.
enum item_mark : unsigned {
  holds = 1,     // the object that holds it
  revoked = 2,   // the object it was revoked from
  deferred = 3,  // the next item of its thread's list
};

// The objects that sections are open for, of those that were at a moment before.
class sections_now {
 public:
  explicit sections_now(const open_since& then) noexcept;
  bool may_be_of(const khelp_osd* object) const noexcept;

 private:
  std::array<const khelp_osd*, 256> objects_{};
  std::size_t found_;
  bool deep_;
};

// What the fast path of khelp_init_osd() asks: helpers whose data begins without a call, in the
// slots inside the struct. In static memory, and not in the helper, which may go while it is read.
struct inline_giver {
  std::uint32_t gives = 0;    // its classes while objects get its data. Read first
  std::uint32_t classes = 0;  // its classes
  counter_block block = no_counter_block;
  khelp_uma_zone_t zone = nullptr;
};
// One line: every init reads it. Written under registry_mutex.
struct alignas(64) fast_attachments {
  std::uint32_t seen = 0;    // classes of objects so far
  std::uint32_t beyond = 0;  // classes of helpers that it does not serve
  inline_giver givers[2];
};
extern fast_attachments fast_givers __attribute__((visibility("hidden")));

// Helpers that the fast path does not serve give data for these classes.
void note_classes_beyond(std::uint32_t classes) noexcept KHELP_REQUIRES(registry_mutex);

// khelp_init_osd() in two halves: the second is due when the first says no.
bool attach_inline_data(std::uint32_t classes, khelp_osd& osd) noexcept;
result<void> attach_helpers(std::uint32_t classes, khelp_osd& osd);

// After a change of helpers' states: what a thread attaches from now on it attaches knowing them, and what
// was attached before is counted. keep_data: whether any of them does. False: the heavy barrier is
// refused, so that this cannot be said. Takes no memory.
[[nodiscard]] bool attachments_see_states(bool keep_data) noexcept;

// 0, as khelp_destroy_osd() answers.
int detach_helpers(khelp_osd& object);

// What object sections name as their place.
const void* object_section_key() noexcept;

// Destroy the data of these helpers on all objects, with one barrier. They accept no more attachments
// and run no more hooks. wait: for sections of the objects, and for threads that have an item in
// hand; nullptr: too_late at once when an item is still in use.
waited revoke_data(std::span<helper* const> from, run_wait* wait);

// In the child of a fork: references that other threads had in hand, in the middle of a call, are
// counted as given back. Their items are lost, as whatever those threads were working on. (Those of
// threads that have no record, for want of memory, cannot be told apart and stay.)
void forget_references_of_others(helper& h) noexcept;

}  // namespace khelp
