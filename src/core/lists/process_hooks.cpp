// The process's own hook lists, and the events that run them.
//
// Handlers of events may be arranged twice by threads that race; they see to it themselves that an
// event runs its hooks once.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <pthread.h>
#include <unistd.h>

#include <khelp/hook_list.h>

#include "base/cancellation.hpp"
#include "base/cold_call.hpp"
#include "core/lists/hook_lists.hpp"

namespace khelp {
namespace {

constexpr std::array<const char*, 4> names = {"exit", "shutdown", "fork", "power"};
std::array<std::atomic<khelp_hook_list*>, names.size()> lists;

std::atomic<bool> exited{false};
std::atomic<pid_t> forked_child{0};

// Whoever exits or forks is not unwound out of it by a hook that meets the thread's cancellation.
void run_with_event(std::size_t which) {
  const no_cancellation later;
  khelp_process_event event{getpid(), getppid()};
  if (khelp_hook_list* list = lists[which])
    khelp_hook_proc_run(list, KHELP_HOOK_REVERSE, &event, nullptr, nullptr);
}

void at_exit() {
  if (exited.exchange(true))
    return;
  const no_cancellation later;
  run_with_event(KHELP_HOOKS_EXIT);
  if (khelp_hook_list* list = lists[KHELP_HOOKS_SHUTDOWN])
    khelp_hook_run(list, KHELP_HOOK_REVERSE | KHELP_HOOK_UNREGISTER, nullptr, nullptr);
}

void in_child() {
  if (forked_child.exchange(getpid()) != getpid())
    run_with_event(KHELP_HOOKS_FORK);
}

bool arrange(int which) {
  switch (which) {
    case KHELP_HOOKS_EXIT:
    case KHELP_HOOKS_SHUTDOWN:
      return std::atexit(at_exit) == 0;
    case KHELP_HOOKS_FORK:
      return pthread_atfork(nullptr, nullptr, in_child) == 0;
    default:
      return true;
  }
}

result<khelp_hook_list*> list_of(int which) {
  if (which < 0 || static_cast<std::size_t>(which) >= lists.size())
    return failure(EINVAL, "the process has no such hook list");
  std::atomic<khelp_hook_list*>& list = lists[static_cast<std::size_t>(which)];
  if (khelp_hook_list* made = list)
    return made;
  khelp_hook_list* mine = the_hook_lists().make(names[static_cast<std::size_t>(which)]);
  khelp_hook_list* others = nullptr;
  if (!arrange(which)) {
    (void)the_hook_lists().end(mine);
    return failure(ENOMEM);
  }
  if (list.compare_exchange_strong(others, mine))
    return mine;
  (void)the_hook_lists().end(mine);
  return others;
}

}  // namespace

bool is_of_process(const khelp_hook_list* list) noexcept {
  return std::any_of(lists.begin(), lists.end(), [list](const auto& l) { return l == list; });
}

}  // namespace khelp

extern "C" khelp_hook_list* khelp_hooks_of_process(int which) {
  khelp_hook_list* list = nullptr;
  khelp::cold_call([&]() -> khelp::result<void> {
    auto found = khelp::list_of(which);
    if (!found)
      return std::move(found).error();
    list = *found;
    return {};
  });
  return list;
}
