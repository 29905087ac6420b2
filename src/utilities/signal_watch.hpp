// Signals as ends of a sleep: held back while it lives, and looked at.
//
// A handler that ran during a wait would leave no trace of whether it asks for the call to be
// restarted. So the thread's signals are blocked, seen through a signalfd (or by asking, when there
// is no descriptor), and delivered when the watch ends.
#pragma once

#include <csignal>

#include "base/unique_fd.hpp"

namespace khelp {

class signal_watch {
 public:
  signal_watch() noexcept;
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;
  ~signal_watch();

  // A descriptor that is readable when a signal may be there; empty: none was to be had.
  unique_fd descriptor() const noexcept;

  // EINTR or KHELP_ERESTART when a signal is to end the sleep: it has become this thread's own, and
  // is delivered when the watch ends. 0: none.
  int interruption(const unique_fd& descriptor) noexcept;

 private:
  void let_happen(int number) noexcept;
  bool take_over(int number) noexcept;

  sigset_t before_;   // the thread's mask
  sigset_t watched_;  // blocked now, and not before
};

}  // namespace khelp
