#include "core/objects/osd_objects.hpp"

#include <new>

namespace khelp::osd {

void object_list::link(khelp_osd& osd) noexcept {
  auto& links = osd.osd_u.osd_next;
  links.next = first_;
  links.prev = &first_;
  if (first_ != nullptr)
    first_->osd_u.osd_next.prev = &links.next;
  first_ = &osd;
}

void object_list::unlink(khelp_osd& osd) noexcept {
  auto& links = osd.osd_u.osd_next;
  *links.prev = links.next;
  if (links.next != nullptr)
    links.next->osd_u.osd_next.prev = links.prev;
  links = {nullptr, nullptr};
}

bool object_list::enter(khelp_osd& osd) noexcept {
  try {
    if (table_ == nullptr)
      table_ = new std::unordered_set<khelp_osd*>;
    table_->insert(&osd);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void object_list::leave(khelp_osd& osd) noexcept {
  if (table_ != nullptr)
    table_->erase(&osd);
}

}  // namespace khelp::osd
