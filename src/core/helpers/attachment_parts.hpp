// What giving data to objects, taking it from them and revoking it share.
#pragma once

#include "core/helpers/attachment.hpp"
#include "core/helpers/helper.hpp"
#include "sync/counters.hpp"

namespace khelp {

// References on a helper (helper_cell). A call takes one in hand before it looks at the helper's
// state, with a full barrier between; it becomes an object's under the object's stripe, with the
// item's owner, or is given back. A thread that has one in hand has a record, so that a fork's child
// can tell whose it was. Each is counted where it goes before it is where it comes from.
namespace reference {

inline void begin(const helper& h) {
  bump(h.block, cell_in_hand);
}
inline void keep(const helper& h) {
  bump(h.block, cell_given);
  bump_at_end(h.block, cell_out_of_hand);
}
// The other way round.
inline void take(const helper& h) {
  bump(h.block, cell_in_hand);
  bump_at_end(h.block, cell_gone);
}
// If this was the last reference, the helper may already be freed once it is counted.
inline void release(const helper& h) {
  event_count& changes = h.changes();
  bump_at_end(h.block, cell_out_of_hand);
  changes.notify_if_watched();
}

}  // namespace reference

// The end of an item, and its reference where an object held it.
void end_item(helper& h, void* item) noexcept;
void end_held_item(helper& h, void* item) noexcept;

struct taken_item {
  helper* from = nullptr;  // stays until the item has been ended
  void* item = nullptr;    // nullptr: there was none
};

// Take the data out of a slot, for the caller to end, or onto the thread's deferred list.
taken_item take_out(khelp_osd& osd, unsigned slot, bool defer);

}  // namespace khelp
