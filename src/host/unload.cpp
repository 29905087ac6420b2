// Unloading module files, and finishing what could not be finished at once.
#include <algorithm>
#include <argp.h>
#include <cerrno>
#include <cstddef>
#include <new>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "base/cancellation.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "base/text.hpp"
#include "core/helpers/attachment.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/instances/instance.hpp"
#include "core/process/leftovers.hpp"
#include "host/linker_calls.hpp"
#include "host/loader.hpp"
#include "host/own_threads.hpp"
#include "host/symbols.hpp"
#include "sync/item_call.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"

// The C++ ABI has them in the C library, whose headers do not.
extern "C" int __cxa_atexit(void (*function)(void*), void* arg, void* handle);
extern "C" void __cxa_finalize(void* handle);

namespace khelp {
namespace {

/// Its hooks are off, but nobody can tell whether a thread is still inside one (membarrier(2) is
/// refused): the code stays where it is.
bool cannot_be_sure(const failure& why) {
  return why.code == ENOSYS;
}

/// A revoke has taken its hooks off, and waited too long for runs that were inside, or for its data.
bool waits_for_runs(int how, const failure& why) {
  return how == KHELP_UNLOAD_REVOKE && why.code == ETIMEDOUT;
}

/// Two phases (M-5): ask everybody, the last one started first; when somebody objects, those asked
/// before go on. What waits or revokes does not care about objects that hold a helper.
result<void> ask_all(loaded_file& f, const unload_request& request) {
  for (std::size_t i = f.modules.size(); i-- > 0;) {
    auto answer = f.modules[i].ask();
    if (answer || request.force || request.how == KHELP_UNLOAD_REVOKE)
      continue;
    if (request.how == KHELP_UNLOAD_WAIT && f.modules[i].can_wait())
      continue;
    for (std::size_t j = i + 1; j < f.modules.size(); j++)
      f.modules[j].resume();
    return answer;
  }
  return {};
}

/// One that was asked in vain goes on; one that was stopped in vain starts again (M-4).
failure go_on_all(loaded_file& f, failure why) {
  for (module_instance& module : f.modules) {
    if (module.running()) {
      module.resume();
    } else if (auto again = module.start_again(); !again) {
      why.detail +=
          concat("; ", module.name(),
                 " was stopped already, and does not start again: ", again.error().detail);
    }
  }
  return why;
}

/// Stop what still runs, the last one started first. A handler that has to wait until this hook has
/// ended is left for reap().
result<void> stop_all(loaded_file& f, int how, const deadline& limit) {
  result<void> late;
  for (std::size_t i = f.modules.size(); i-- > 0;) {
    auto stopped = f.modules[i].stop(how, limit);
    if (stopped || stopped.error().code == EAGAIN)
      continue;
    if (waits_for_runs(how, stopped.error())) {
      late = std::move(stopped);
      continue;
    }
    // What a failed load leaves is not wanted, and what cannot be known is not begun again.
    if (f.load_failed || cannot_be_sure(stopped.error()))
      return stopped;
    return go_on_all(f, std::move(stopped.error()));
  }
  return late;
}

module_range range_of(const loaded_file& f) {
  return {f.code.base(), f.code.base() + f.code.size()};
}

/// The C library's variables that lead to texts: what they lead to is looked at later by others.
std::string_view text_left_in_libc(const module_range& module) {
  const struct {
    const void* text;
    std::string_view variable;
  } variables[] = {{environ, "environ"},
                   {program_invocation_name, "program_invocation_name"},
                   {program_invocation_short_name, "program_invocation_short_name"},
                   {argp_program_version, "argp_program_version"},
                   {argp_program_bug_address, "argp_program_bug_address"}};
  for (const auto& [text, variable] : variables) {
    if (module.has(text))
      return variable;
  }
  return {};
}

bool all_gone(const loaded_file& f) {
  return std::all_of(f.modules.begin(), f.modules.end(),
                     [](const module_instance& module) { return module.gone(); });
}

/// After its modules: the functions of its end. False: not where this thread is now.
bool end_functions_done(loaded_file& f) {
  if (f.startup == nullptr || f.cut_off)
    return true;
  if (!the_instances().may_change())
    return false;
  f.startup->end();
  f.startup.reset();
  return true;
}

}  // namespace

void loader::enter_state(const file& f, khelp_module_state state) {
  lock_guard held(mutex_);
  f->state = state;
}

/// M-6: kldunload(2) of a file that others depend on succeeds, and it goes with the last of them.
/// False: nobody depends on it, or it is theirs already.
bool loader::leave_to_dependants(std::int32_t id) {
  std::string words;
  {
    lock_guard held(mutex_);
    const file f = find_file(id);
    if (f == nullptr || f->state != KHELP_MODULE_LIVE || f->dependants == 0 || f->userrefs == 0)
      return false;
    words = f->name + " is held by " + names_of_dependants(f) + ", and goes with the last of them";
    f->userrefs = 0;
  }
  log(KHELP_LOG_INFO, {words});
  return true;
}

result<loader::file> loader::claim(std::int32_t id) {
  if (id == program_file)
    return failure(EBUSY, "file 1 is this program");
  lock_guard held(mutex_);
  file f = find_file(id);
  if (f == nullptr || f->state == KHELP_MODULE_DEAD)
    return failure(ENOENT, concat("no module file ", id));
  if (f->state == KHELP_MODULE_ZOMBIE)
    return failure(EALREADY, f->name + " is stopped for good; its code stays mapped: " + f->reason);
  if (f->state == KHELP_MODULE_LOADING)
    return failure(EBUSY, f->name + " is being loaded");
  if (f->state != KHELP_MODULE_LIVE)
    return failure(EALREADY, f->name + " is being unloaded");
  if (f->dependants != 0)
    return failure(EBUSY, f->name + " is needed by " + names_of_dependants(f));
  f->state = KHELP_MODULE_DRAINING;
  f->busy = true;
  f->worker = pthread_self();
  return f;
}

/// The end of somebody's work on a file.
void loader::settle(const file& f, khelp_module_state state, std::string reason) noexcept {
  lock_guard held(mutex_);
  f->state = state;
  f->busy = false;
  f->finishing = false;
  if (!reason.empty())
    f->reason = std::move(reason);
  if (f->bound)
    note_modules(*f);
  settled_.notify_all();
}

result<void> loader::unload(std::int32_t id, const unload_request& request) {
  const int how = request.how;
  if (how != KHELP_UNLOAD_REFUSE && how != KHELP_UNLOAD_WAIT && how != KHELP_UNLOAD_REVOKE)
    return failure(EINVAL, "unknown way to unload");
  {
    lock_guard held(mutex_);
    if (shut_down_)
      return failure(ESHUTDOWN, "the process ends: hooks of modules are off, and their code stays");
  }
  const bool in_hook = would_wait_for_itself();
  if (in_hook && how == KHELP_UNLOAD_WAIT)
    return failure(EDEADLK, "a hook would wait for itself");
  if (!in_hook)
    khelp::reap();
  if (request.when_free && leave_to_dependants(id))
    return {};
  auto claimed = claim(id);
  if (!claimed)
    return std::move(claimed.error());
  const file& f = *claimed;
  const deadline limit = deadline::of_call(request.timeout_ns);

  try {
    if (auto answer = ask_all(*f, request); !answer) {
      settle(f, KHELP_MODULE_LIVE);
      return answer;
    }
    if (how != KHELP_UNLOAD_WAIT)
      enter_state(f, KHELP_MODULE_GOING);
    if (auto stopped = stop_all(*f, how, limit); !stopped) {
      if (cannot_be_sure(stopped.error())) {
        become_zombie(f, std::move(stopped.error().detail));
        return {};
      }
      if (waits_for_runs(how, stopped.error())) {
        f->how = how;
        f->late = true;
        become_zombie(f, stopped.error().detail);
        return stopped;
      }
      settle(f, KHELP_MODULE_LIVE);
      return stopped;
    }
  } catch (...) {
    settle(f, KHELP_MODULE_LIVE);
    throw;
  }
  f->how = how;
  {
    lock_guard held(mutex_);
    f->forced = request.force;
  }
  if (in_hook) {
    settle(f, KHELP_MODULE_GOING);
    return {};
  }
  // To its end in one go: when this answers 0, the name is free.
  enter_state(f, KHELP_MODULE_GOING);
  finish_or_leave(f);
  unload_unneeded();
  return {};
}

/// Take off what it has left. What still holds its code, in words; "": nothing that is known.
std::string loader::what_holds(const loaded_file& f) {
  std::string words = zombies_on(f);
  if (!f.code.is_open())
    return words;
  const auto left = take_off_leftovers(range_of(f));
  for (const std::string& what : left.taken_off)
    log(KHELP_LOG_INFO, {f.name, ": it left ", what, ": taken off"});
  for (const std::string& what : left.remaining)
    words += (words.empty() ? "it left " : "; it left ") + what;
  if (const std::string_view variable = text_left_in_libc(range_of(f)); !variable.empty())
    words += concat(words.empty() ? "" : "; ", "it left ", variable,
                    " of the C library leading into it");
  if (!f.look_for_threads)
    return words;
  const std::string threads = threads_of(range_of(f));
  if (!threads.empty())
    words += (words.empty() ? "" : "; ") + threads;
  return words;
}

/// Those that were loaded on top of it and are still mapped: their code may call its.
std::string loader::zombies_on(const loaded_file& f) {
  lock_guard held(mutex_);
  std::string names;
  for (const file& other : files_) {
    const auto& below = other->stood_on;
    if (other->state == KHELP_MODULE_ZOMBIE &&
        std::any_of(below.begin(), below.end(), [&](const file& b) { return b.get() == &f; }))
      names += (names.empty() ? "" : ", ") + other->name;
  }
  return names.empty() ? names : "what depended on it is still mapped: " + names;
}

/// Give the code back and see whether the linker took it. What the check of its bytes calls permanent
/// is not given back at all; and what a fork has cut off is not touched again: its destructors, or the
/// linker itself, would meet what is half there.
void loader::let_go(const file& f, std::string holders) noexcept {
  needs_nobody(f);
  if (!linker_is_whole()) {
    keep_for_ever(f, linker_is_not_whole);
    return;
  }
  if (f->cut_off || f->permanent) {
    keep_for_ever(f, std::move(f->cut_off ? f->if_cut_off : f->if_kept));
    return;
  }
  if (!holders.empty()) {
    become_zombie(f, std::move(holders));
    return;
  }
  f->code.close();
  if (f->code.is_there()) {
    become_zombie(f, std::move(f->if_kept));
  } else {
    f->copy.reset();
    become_dead(f);
  }
}

/// Its code is gone. What is told comes before the name is free: the next load of it is told later.
void loader::become_dead(const file& f) noexcept {
  tell_what_stays(*f);
  log(KHELP_LOG_INFO,
      {f->name, " version ", number_text(f->version),
       f->load_failed ? ": what was mapped of it is gone, " : ": unloaded, ", f->path});
  settle(f, KHELP_MODULE_DEAD);
}

void loader::keep_for_ever(const file& f, std::string reason) noexcept {
  {
    lock_guard held(mutex_);
    f->kept_for_ever = true;
    for (registered_module& module : f->registered)
      module.there = false;
  }
  become_zombie(f, std::move(reason));
}

/// Stopped for good, and its code stays. The linker needs no descriptor of what it has mapped.
void loader::become_zombie(const file& f, std::string reason) noexcept {
  f->copy.reset();
  bool is_new = false;
  {
    lock_guard held(mutex_);
    is_new = f->state != KHELP_MODULE_ZOMBIE;
  }
  if (is_new)
    log(KHELP_LOG_WARNING, {f->name, ": its code stays mapped (zombie): ", reason});
  settle(f, KHELP_MODULE_ZOMBIE, std::move(reason));
}

/// After the end of its code.
void loader::tell_what_stays(const loaded_file& f) noexcept {
  try {
    for (const std::string& library : f.brought_in) {
      if (is_mapped_library(library))
        log(KHELP_LOG_INFO, {f.name, ": ", library,
                             ", which came with it, stays mapped: something else uses it, or the "
                             "dynamic linker keeps it"});
    }
  } catch (const std::bad_alloc&) {
    log(KHELP_LOG_INFO,
        {f.name, ": whether libraries that came with it stay is not known: no memory"});
  }
}

/// What it stands on may go.
void loader::needs_nobody(const file& f) noexcept {
  lock_guard held(mutex_);
  for (const file& below : f->stands_on) {
    below->unneeded = --below->dependants == 0 && below->userrefs == 0;
    below->forced = f->forced;
  }
  f->stood_on = std::move(f->stands_on);
  f->stands_on.clear();
  f->userrefs = 0;
}

/// What was loaded only because others needed it goes with the last of them, unless it is in use:
/// then it stays, and says why.
void loader::unload_unneeded() {
  for (;;) {
    file f;
    unload_request request;
    {
      lock_guard held(mutex_);
      const auto found = std::find_if(files_.begin(), files_.end(), [](const file& other) {
        return other->unneeded && other->dependants == 0 && other->state == KHELP_MODULE_LIVE;
      });
      if (found == files_.end())
        return;
      f = *found;
      f->unneeded = false;
      request.force = f->forced;
    }
    try {
      auto gone = unload(f->id, request);
      if (gone)
        continue;
      gone.error().detail = "nobody needs it any more; " + gone.error().detail;
      log(KHELP_LOG_WARNING, {f->name, ": ", gone.error().detail});
      lock_guard held(mutex_);
      if (f->state == KHELP_MODULE_LIVE)
        f->reason = std::move(gone.error().detail);
    } catch (const std::bad_alloc&) {
      lock_guard held(mutex_);
      f->unneeded = true;  // the next reap() tries again
      throw;
    }
  }
}

// ---- what is left for later

/// True when nothing is left to do for the file.
bool loader::reap_one(const file& f) {
  khelp_module_state state;
  bool orphaned = false;
  bool bound = false;
  {
    lock_guard held(mutex_);
    state = f->state;
    orphaned = std::exchange(f->orphaned, false);
    bound = f->bound;
    if (f->busy || (!orphaned && state != KHELP_MODULE_GOING && state != KHELP_MODULE_ZOMBIE))
      return true;  // somebody works on it, or there is nothing to do
    f->busy = true;
    f->worker = pthread_self();
  }
  if (orphaned && state != KHELP_MODULE_ZOMBIE)
    return adopt(f, state, bound);
  return state == KHELP_MODULE_ZOMBIE ? bury_zombie(f) : finish_or_leave(f);
}

/// In the child of a fork: what another thread of the parent had in work. A load cannot be gone on
/// with: it is undone as far as it got. An unload that was still asking is forgotten; one that had
/// begun is finished. A module whose own code was in the middle of that stays as it is.
bool loader::adopt(const file& f, khelp_module_state state, bool bound) {
  if (!bound) {  // nothing of it has run, and its modules may be half in the list
    needs_nobody(f);
    keep_for_ever(f, std::move(f->if_cut_off));
    return true;
  }
  const bool untouched =
      std::all_of(f->modules.begin(), f->modules.end(),
                  [](const module_instance& module) { return module.untouched(); });
  if (state == KHELP_MODULE_DRAINING && untouched) {
    for (module_instance& module : f->modules) {
      module.forget_cut_off();
      module.resume();
    }
    settle(f, KHELP_MODULE_LIVE);
    return true;
  }
  f->load_failed = true;  // nothing of it starts again
  f->cut_off = state == KHELP_MODULE_LOADING ||
               std::any_of(f->modules.begin(), f->modules.end(),
                           [](const module_instance& module) { return module.cut_off(); });
  f->how = KHELP_UNLOAD_REVOKE;
  enter_state(f, KHELP_MODULE_GOING);
  return finish_or_leave(f);
}

/// finish(); without memory for it, a later reap() tries again.
bool loader::finish_or_leave(const file& f) {
  {
    lock_guard held(mutex_);
    f->finishing = true;
  }
  try {
    return finish(f);
  } catch (...) {
    settle(f, KHELP_MODULE_GOING);
    throw;
  }
}

/// Whether what held it has let go meanwhile.
bool loader::bury_zombie(const file& f) {
  std::string holders;
  if (f->late)
    return finish_or_leave(f);
  if (!f->ended || !linker_is_whole()) {
    settle(f, KHELP_MODULE_ZOMBIE);
    return true;
  }
  try {
    holders = what_holds(*f);
  } catch (...) {
    settle(f, KHELP_MODULE_ZOMBIE);
    throw;
  }
  if (!holders.empty()) {
    settle(f, KHELP_MODULE_ZOMBIE, std::move(holders));
    return true;
  }
  if (f->code.is_open()) {
    f->code.close();
    holders = std::move(f->if_kept);
  } else {
    f->code.let_go_again();
  }
  if (f->code.is_there())
    settle(f, KHELP_MODULE_ZOMBIE, std::move(holders));
  else
    become_dead(f);
  return true;
}

/// The rest of an unload: handlers that had to wait for the end of a hook, then the code.
bool loader::finish(const file& f) {
  if (auto stopped = stop_all(*f, f->how, deadline(0)); !stopped) {
    f->late = waits_for_runs(f->how, stopped.error());
    if (f->late || cannot_be_sure(stopped.error())) {
      become_zombie(f, std::move(stopped.error().detail));
    } else {  // its unload was reported as done
      std::string words = "it refused to be unloaded: " + stopped.error().detail;
      log(KHELP_LOG_WARNING, {f->name, ": ", words});
      settle(f, KHELP_MODULE_LIVE, std::move(words));
    }
    return true;
  }
  if (!all_gone(*f) || !end_functions_done(*f)) {
    settle(f, f->late ? KHELP_MODULE_ZOMBIE : KHELP_MODULE_GOING);
    return false;
  }
  f->late = false;
  std::string holders = what_holds(*f);
  f->ended = true;
  let_go(f, std::move(holders));
  return true;
}

unsigned loader::reap() {
  if (inside_section())
    return 0;
  std::vector<file> left;
  {
    lock_guard held(mutex_);
    if (shut_down_)
      return 0;
    for (const file& f : files_) {
      if (f->orphaned || f->state == KHELP_MODULE_GOING ||
          (f->state == KHELP_MODULE_ZOMBIE && !f->kept_for_ever))
        left.push_back(f);
    }
  }
  unsigned waiting = 0;
  // What was loaded last may be what holds the others.
  for (auto f = left.rbegin(); f != left.rend(); ++f)
    waiting += !reap_one(*f);
  unload_unneeded();
  return waiting;
}

// ---- the end of the process

/// Static objects of modules end with the process. They have registered that when they were made, and
/// what is registered last comes first: so this stands in front of them only if it is registered anew
/// after each load. Two handles take turns, so that there is no moment without an entry.
namespace {

std::byte exit_handles[2];
__thread bool moves_entry __attribute__((tls_model("initial-exec"))) = false;

void at_exit(void*) {
  if (!moves_entry)
    the_loader().shut_down();
}

}  // namespace

void loader::be_first_at_exit() noexcept {
  // The C library does not bring the lock of its list over a fork: a child of one that did not wait
  // would find it taken for ever.
  const linker_calls no_fork_meanwhile;
  std::byte* const before = &exit_handles[exit_entry_ % 2];
  std::byte* const next = &exit_handles[(exit_entry_ + 1) % 2];
  if (__cxa_atexit(at_exit, nullptr, next) != 0)
    return;  // no memory, or all of them have run: the entry before is as good as can be had
  exit_entry_++;
  // Takes the entry out by calling it, unless another thread has come to it already.
  moves_entry = true;
  __cxa_finalize(before);
  moves_entry = false;
}

/// No hook of a module runs when its static objects end. Files that another thread loads or unloads
/// at this moment are left alone: they hear from it.
void loader::shut_down() noexcept {
  const no_cancellation later;
  constexpr std::int64_t patience_ns = 100'000'000;
  try {
    std::vector<file> all;
    std::vector<module_range> code;
    {
      lock_guard held(mutex_);
      if (std::exchange(shut_down_, true))
        return;
      for (const file& f : files_) {
        if (f->state == KHELP_MODULE_LIVE && !f->busy) {
          all.push_back(f);
          code.push_back(range_of(*f));
        }
      }
    }
    if (!the_helpers().stop_modules(code, patience_ns))
      log(KHELP_LOG_WARNING, {"the process ends, and a thread may still be in a hook of a module, "
                              "whose static objects end now"});
    for (; !all.empty(); all.pop_back())
      tell_shut_down(all.back());
  } catch (const std::bad_alloc&) {
    log(KHELP_LOG_WARNING, {"the process ends: no memory to stop the modules' hooks"});
  }
}

void loader::tell_shut_down(const file& f) {
  {
    lock_guard held(mutex_);
    if (f->state != KHELP_MODULE_LIVE || f->busy)
      return;
    f->state = KHELP_MODULE_DRAINING;
    f->busy = true;
    f->worker = pthread_self();
  }
  for (std::size_t i = f->modules.size(); i-- > 0;)
    f->modules[i].shut_down();
  settle(f, KHELP_MODULE_LIVE);
}

}  // namespace khelp
