#include "utilities/signal_watch.hpp"

#include <cerrno>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <khelp/error.h>

#include "base/cancellation.hpp"

namespace khelp {
namespace {

// The thread itself causes them: they must find their handlers.
constexpr int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

enum class effect { interrupts, nothing, stops };

effect default_effect(int number) noexcept {
  switch (number) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
      return effect::nothing;
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return effect::stops;
    default:
      return effect::interrupts;
  }
}

effect effect_of(int number, const struct sigaction& action) noexcept {
  if (action.sa_handler == SIG_IGN)
    return effect::nothing;
  return action.sa_handler == SIG_DFL ? default_effect(number) : effect::interrupts;
}

sigset_t only(int number) noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return set;
}

// The lowest one pending of a set; 0: none.
int pending_of(const sigset_t& set) noexcept {
  sigset_t pending;
  if (sigpending(&pending) != 0)
    return 0;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (sigismember(&pending, number) == 1 && sigismember(&set, number) == 1)
      return number;
  }
  return 0;
}

}  // namespace

signal_watch::signal_watch() noexcept {
  sigset_t block;
  sigfillset(&block);
  for (int number : synchronous)
    sigdelset(&block, number);
  pthread_sigmask(SIG_BLOCK, &block, &before_);
  sigemptyset(&watched_);
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (sigismember(&block, number) == 1 && sigismember(&before_, number) == 0)
      sigaddset(&watched_, number);
  }
}

signal_watch::~signal_watch() {
  const int saved = errno;
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = saved;
}

unique_fd signal_watch::descriptor() const noexcept {
  return unique_fd(signalfd(-1, &watched_, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Unblocked for a moment, the kernel drops it or stops the process.
void signal_watch::let_happen(int number) noexcept {
  const sigset_t set = only(number);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// A signal to the process is seen by all who watch: the one that takes it sends it to itself, as it
// was. False: another thread has taken it.
bool signal_watch::take_over(int number) noexcept {
  const no_cancellation whole;
  const sigset_t set = only(number);
  const timespec now{};
  siginfo_t info;
  if (sigtimedwait(&set, &info, &now) != number)
    return false;
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, &info) == 0;
}

int signal_watch::interruption(const unique_fd& descriptor) noexcept {
  while (const int number = pending_of(watched_)) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    switch (effect_of(number, action)) {
      case effect::interrupts:
        if (take_over(number))
          return (action.sa_flags & SA_RESTART) != 0 ? KHELP_ERESTART : EINTR;
        break;
      case effect::stops:
        let_happen(number);
        break;
      case effect::nothing: {
        // Blocked it would be pending for ever; so it is blocked no longer.
        sigdelset(&watched_, number);
        const sigset_t set = only(number);
        pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
        if (descriptor)
          signalfd(descriptor.get(), &watched_, 0);
        break;
      }
    }
  }
  return 0;
}

}  // namespace khelp
