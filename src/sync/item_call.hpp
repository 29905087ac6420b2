// What a thread is inside of, so that a wait for the end of a helper might be a wait for itself.
#pragma once

#include "sync/section.hpp"

namespace khelp {

// Constructors and destructors of helpers' data, and walks over objects, that this thread is in.
extern __thread unsigned item_calls
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

class item_call {
 public:
  item_call() { ++item_calls; }
  item_call(const item_call&) = delete;
  item_call& operator=(const item_call&) = delete;
  ~item_call() { --item_calls; }
};

// Whether this thread is in a hook, in the constructor or destructor of a helper's data, or in a walk
// over objects. The end of a helper waits for these, and another thread may be waiting likewise.
inline bool would_wait_for_itself() noexcept {
  return item_calls != 0 || inside_section();
}

}  // namespace khelp
