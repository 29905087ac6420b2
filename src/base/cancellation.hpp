// Thread cancellation: put off, and let through.
#pragma once

#include <pthread.h>

// Of a function that catches abi::__forced_unwind&. A forced unwinding has no exception object:
// what the handler binds is null, which UndefinedBehaviorSanitizer reports. It forgets the attribute
// of a function that is inlined.
#if defined(__SANITIZE_ADDRESS__)
#define KHELP_CATCHES_FORCED_UNWINDING __attribute__((no_sanitize("null"), noinline))
#else
#define KHELP_CATCHES_FORCED_UNWINDING __attribute__((no_sanitize("null")))
#endif

namespace khelp {

// While it lives a cancellation of this thread waits: strangers' code is called where it cannot be
// unwound (in destructors, half way through an end).
class no_cancellation {
 public:
  no_cancellation() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  no_cancellation(const no_cancellation&) = delete;
  no_cancellation& operator=(const no_cancellation&) = delete;
  ~no_cancellation() { pthread_setcancelstate(before_, nullptr); }

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace khelp
