// All hook lists of the process: what changes them, and what removals leave behind.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <khelp/hook_list.h>
#include <khelp/result.hpp>

#include "core/lists/hook_list.hpp"

namespace khelp {

// A lock of the caller's that a wait lets go.
struct held_lock {
  void (*unlock)(void* held);
  void (*lock)(void* held);
  void* held;
};

class hook_lists {
 public:
  hook_lists();

  khelp_hook_list* make(const char* name) KHELP_EXCLUDES(registry_mutex);
  result<void> end(khelp_hook_list* list) KHELP_EXCLUDES(registry_mutex);

  result<khelp_hook*> add(khelp_hook_list* list, const khelp_hook_x& x)
      KHELP_EXCLUDES(registry_mutex);
  // lock: may be nullptr.
  result<void> remove(khelp_hook_list* list, khelp_hook* which, std::uint32_t flags,
                      const held_lock* lock) KHELP_EXCLUDES(registry_mutex);
  result<void> resume(khelp_hook_list* list, khelp_hook* which) KHELP_EXCLUDES(registry_mutex);
  std::uint32_t count(khelp_hook_list* list) KHELP_EXCLUDES(registry_mutex);
  // The hooks on a list now.
  result<hook_array> hooks_of(khelp_hook_list* list) KHELP_EXCLUDES(registry_mutex);

  // A hook was removed; the list's array still has it.
  void has_removed(khelp_hook_list& list) noexcept {
    list.untidy = true;
    untidy_ = true;
  }

  // What a module has left (leftovers.hpp).
  void take_off(const module_range& module, leftovers& found) KHELP_EXCLUDES(registry_mutex);

  // Complete what can be completed without waiting; returns how much is still waiting.
  unsigned reap() KHELP_EXCLUDES(registry_mutex);

  // In the child of a fork: the other threads are in no hook and no run.
  void after_fork() KHELP_REQUIRES(registry_mutex);

 private:
  using list_set = std::set<khelp_hook_list*>;
  using hook_chain = std::shared_ptr<listed_hook>;

  // nullptr: it never was on this list, or nobody can be inside it any more.
  std::shared_ptr<listed_hook> find(khelp_hook_list* list, khelp_hook* which)
      KHELP_REQUIRES(registry_mutex);
  // Put one more on a list. Throws std::bad_alloc: nothing changed.
  void append(khelp_hook_list& list, std::shared_ptr<listed_hook> more)
      KHELP_REQUIRES(registry_mutex);
  // Publish the hooks that are not removed, and one more (or nullptr), with spare room. Throws
  // std::bad_alloc: nothing changed.
  void republish(khelp_hook_list& list, std::shared_ptr<listed_hook> more)
      KHELP_REQUIRES(registry_mutex);
  // Take removed hooks out of the arrays, as far as there is memory.
  void tidy() noexcept KHELP_REQUIRES(registry_mutex);
  // No run is inside: its hooks go to `gone`; the list itself can be deleted.
  static void take_apart(khelp_hook_list& list, hook_chain& gone) KHELP_REQUIRES(registry_mutex);

  list_set lists_ KHELP_GUARDED_BY(registry_mutex);
  list_set ended_ KHELP_GUARDED_BY(registry_mutex);  // runs may be inside
  // Removed and in no current array; kept until nobody can be inside.
  hook_chain leaving_ KHELP_GUARDED_BY(registry_mutex);
  std::uint64_t next_serial_ KHELP_GUARDED_BY(registry_mutex) = 1;
  // Something was removed, or ended, and is not yet cleared away.
  std::atomic<bool> untidy_{false};
};

// The process's; never destroyed (threads outlive static destructors).
hook_lists& the_hook_lists();

// Whether khelp_hooks_of_process() has given it out.
bool is_of_process(const khelp_hook_list* list) noexcept;

// In the child of a fork: the thread of a list's KHELP_HOOK_ALONE run may not be there.
void forget_other_runner(khelp_hook_list& list) noexcept;

// Run a list. passes: the run passes `proc`.
struct hook_list_run {
  std::uint32_t flags;
  bool passes;
  void* proc;
  khelp_hook_mask_t mask;
  void* mask_arg;
};
int run_hook_list(khelp_hook_list& list, const hook_list_run& run);

}  // namespace khelp
