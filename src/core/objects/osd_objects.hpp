// The objects of one type that hold an array of slots, for deregistration to find their values.
#pragma once

#include <unordered_set>

#include <khelp/osd.h>

#include "sync/mutex.hpp"

namespace khelp::osd {

// Most types list their objects through the linkage in struct khelp_osd. Objects of the khelp type
// use it for values; those few that hold values of registered slots (not of helpers) are in a
// table.
class object_list {
 public:
  mutex lock;

  void link(khelp_osd& osd) noexcept KHELP_REQUIRES(lock);
  void unlink(khelp_osd& osd) noexcept KHELP_REQUIRES(lock);
  // False: no memory. Entering twice is entering once.
  [[nodiscard]] bool enter(khelp_osd& osd) noexcept KHELP_REQUIRES(lock);
  void leave(khelp_osd& osd) noexcept KHELP_REQUIRES(lock);

  // Call fn(object) until it says true or all have been seen. fn may take its object out.
  template <class Fn>
  void visit(Fn fn) KHELP_REQUIRES(lock) {
    for (khelp_osd* next = first_; khelp_osd* osd = next;) {
      next = osd->osd_u.osd_next.next;
      if (fn(*osd))
        return;
    }
    if (table_ == nullptr)
      return;
    for (auto next = table_->begin(); next != table_->end();) {
      if (fn(**next++))
        return;
    }
  }

 private:
  khelp_osd* first_ KHELP_GUARDED_BY(lock) = nullptr;
  // Stays once made, also at the end of the process: others may still be using it.
  std::unordered_set<khelp_osd*>* table_ KHELP_GUARDED_BY(lock) = nullptr;
};

}  // namespace khelp::osd
