// Whose hooks they are, as far as points know it: a helper.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <khelp/osd.h>
#include <khelp/stats.h>

#include "sync/annotations.hpp"
#include "sync/publication.hpp"

namespace khelp {

class hook_attachment;

// A hook that is off while its owner is being unloaded.
struct taken_hook {
  std::uint64_t point_serial;
  std::shared_ptr<hook_attachment> hook;
};

class hook_owner {
 public:
  // The data for a hook that found the object's slot empty: given now if owner and object allow it.
  // nullptr: the hook is skipped, and `why` says why. On the slow path of a run.
  virtual void* data_for(khelp_osd& osd, khelp_skip& why) = 0;

  // Its hooks are at no points, but wished for: they return unless it goes.
  bool hooks_off KHELP_GUARDED_BY(registry_mutex) = false;
  std::vector<taken_hook> taken_off KHELP_GUARDED_BY(registry_mutex);

 protected:
  hook_owner() = default;
  ~hook_owner() = default;
};

}  // namespace khelp
