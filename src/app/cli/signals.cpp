#include "app/cli/signals.hpp"

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace khelp::app {
namespace {

volatile std::sig_atomic_t noted = 0;
int nothing_to_read = -1;  // constant after catch_interruptions()

/// A read in progress returns because it is interrupted; one that is about to begin finds the end
/// of standard input, so no signal is missed between a look at interruption() and the read.
void note(int number) {
  noted = number;
  if (nothing_to_read >= 0)
    (void)dup2(nothing_to_read, STDIN_FILENO);
}

void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(number, &action, nullptr);
}

}  // namespace

void catch_interruptions() {
  nothing_to_read = open("/dev/null", O_RDONLY | O_CLOEXEC);
  // No SA_RESTART: reads return. RESETHAND: the second signal has its usual effect.
  handle(SIGINT, &note, static_cast<int>(SA_RESETHAND));
  handle(SIGTERM, &note, static_cast<int>(SA_RESETHAND));
  handle(SIGPIPE, SIG_IGN, 0);
  handle(SIGXFSZ, SIG_IGN, 0);
}

int interruption() noexcept {
  return noted;
}

}  // namespace khelp::app
