// Walking the objects that hold a helper's data, with what the helper reports of each.
//
// A report function reads what hooks write, so an object's data is lent to the walk while it runs: its
// slot is empty, and the object marked. Whoever misses the data waits until it is back: a run that
// reaches a hook of the helper, the owner that destroys the object, khelp_get_osd(). An object that a
// run is inside of is not lent. A few objects are lent at a time, with one barrier, by one walk at a
// time; a revoke goes on meanwhile, and the data is then not given back.
//
//   walk:   gate shut, stripe: mark, empty the slot | is a section open for the object? then give back
//   run:    section for the object                  | load the slot; empty: look at the mark
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <khelp/khelp.h>
#include <khelp/result.hpp>

#include "core/objects/osd_stripe.hpp"
#include "sync/annotations.hpp"

namespace khelp {

// osd_state: the data of one of the object's slots is lent.
inline constexpr std::uint16_t osd_lent = 0x1000;

// Wait until nothing of the object is lent, and hold its stripe then. For its owner, and for runs.
class KHELP_SCOPED_CAPABILITY whole_object_guard {
 public:
  explicit whole_object_guard(khelp_osd& osd) noexcept KHELP_ACQUIRE(osd_stripe(osd));
  whole_object_guard(const whole_object_guard&) = delete;
  whole_object_guard& operator=(const whole_object_guard&) = delete;
  ~whole_object_guard() KHELP_RELEASE() { stripe_.unlock(); }

 private:
  futex_lock& stripe_;
};

// What a walk says of one object, until the next one.
struct object_row {
  const khelp_osd* object = nullptr;
  std::uint32_t classes = 0;
  khelp_object_state state = KHELP_OBJECT_NO_FIELDS;
  char name[64] = {};
  std::vector<khelp_value> values;  // one for each field, if they were read
};

// Call fn for each object, until it says false; with the helper's fields. Nothing is held meanwhile but
// the helper's zone: whoever ends the helper waits until the walk has noticed, and may be called from
// fn. ENOENT · EDEADLK inside a hook or the like · ENOSYS no barrier · ECANCELED the helper ends.
using object_visitor = std::function<bool(const khelp_helper_x* native, const object_row& row)>;
result<void> walk_objects(std::int32_t helper, const object_visitor& fn);

// ": ", and the first few of the objects that hold the helper's data, for people; "": none, or they
// cannot be told here. Throws std::bad_alloc.
std::string words_for_holders(std::int32_t helper);

// How the host names objects of a class; nullptr: not at all.
result<void> set_object_names(std::uint32_t one_class, khelp_object_name_t name);

// Around a fork. Child: what other threads had lent is back. The stripes are held in all three.
void walks_before_fork() noexcept;
void walks_after_fork_in_parent() noexcept;
void walks_after_fork_in_child() noexcept;

}  // namespace khelp
