// Running a hook list.
#include <cerrno>
#include <cxxabi.h>

#include "base/cancellation.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/thread_text.hpp"
#include "core/lists/hook_lists.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

// Its address is the thread's name, in a fork's child as well.
__thread char this_thread __attribute__((tls_model("initial-exec")));

// One KHELP_HOOK_ALONE run at a time.
class lone_run {
 public:
  lone_run(khelp_hook_list& list, bool wanted) noexcept : list_(list), wanted_(wanted) {
    const void* nobody = nullptr;
    refused_ = wanted && !list.runner.compare_exchange_strong(nobody, &this_thread);
  }
  lone_run(const lone_run&) = delete;
  lone_run& operator=(const lone_run&) = delete;
  ~lone_run() {
    if (wanted_ && !refused_)
      list_.runner = nullptr;
  }
  bool refused() const noexcept { return refused_; }

 private:
  khelp_hook_list& list_;
  const bool wanted_;
  bool refused_;
};

void call(const listed_hook& hook, const hook_list_run& run) {
  if (hook.proc_callback != nullptr)
    hook.proc_callback(run.passes ? run.proc : nullptr, hook.arg);
  else if (hook.callback != nullptr)
    hook.callback(run.passes ? run.proc : hook.arg);
  else if (run.passes)
    reinterpret_cast<khelp_hook_proc_callback_t>(hook.pointer)(run.proc, hook.arg);
  else
    reinterpret_cast<khelp_hook_callback_t>(hook.pointer)(hook.arg);
}

[[gnu::cold]] void suspend(const khelp_hook_list& list, listed_hook& hook,
                           bool was_asking) noexcept {
  ++hook.exceptions;
  hook.suspend();
  const bool listed_by_name = list.name[0] != '\0';
  const bool named = hook.name[0] != '\0';
  const thread_text thread;
  tell_thrown([&](std::string_view thrown) {
    log(KHELP_LOG_WARNING,
        {listed_by_name ? "hook list '" : "a hook list without a name", list.name,
         listed_by_name ? "': " : ": ", was_asking ? "the run's mask for " : "",
         named ? "hook '" : "a hook without a name", hook.name, named ? "'" : "",
         was_asking ? " threw: the hook is suspended: " : " threw and is suspended: ", thrown, " (",
         thread, ")"});
  });
}

// Whether the run wants it. The mask may have taken it off.
bool is_wanted(const listed_hook& hook, const hook_list_run& run) {
  return run.mask == nullptr || (run.mask(hook.arg, run.mask_arg) != 0 && hook.runs());
}

// One hook, if it still runs. Forced unwinding passes through. Not inlined: the attribute does not go
// with the code.
KHELP_CATCHES_FORCED_UNWINDING void run_hook(khelp_hook_list& list, listed_hook& hook,
                                             const hook_list_run& run) {
  const any_section section(&hook, nullptr, hook.deep, nullptr);
  if (!hook.runs())
    return;
  bool asking = true;
  try {
    if (!is_wanted(hook, run))
      return;
    asking = false;
    if ((run.flags & KHELP_HOOK_UNREGISTER) != 0) {
      if (!hook.take())
        return;
      the_hook_lists().has_removed(list);
    }
    call(hook, run);
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    suspend(list, hook, asking);
  }
}

}  // namespace

void forget_other_runner(khelp_hook_list& list) noexcept {
  if (list.runner != &this_thread)
    list.runner = nullptr;
}

int run_hook_list(khelp_hook_list& list, const hook_list_run& run) {
  // Closed last: the list may go then.
  const any_section section(&list, &list.hooks, list.deep, nullptr);
  const lone_run alone(list, (run.flags & KHELP_HOOK_ALONE) != 0);
  if (alone.refused())
    return EBUSY;
  const auto* set = section.set<listed_hooks>();
  if (set == nullptr)
    return 0;
  const auto hooks = set->hooks();
  const std::size_t count = hooks.size();
  for (std::size_t i = 0; i < count; ++i) {
    const bool reverse = (run.flags & KHELP_HOOK_REVERSE) != 0;
    run_hook(list, *hooks[reverse ? count - 1 - i : i], run);
  }
  return 0;
}

}  // namespace khelp
