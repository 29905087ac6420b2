#include "host/unload.hpp"

#include <argp.h>
#include <cerrno>
#include <new>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "base/log.hpp"
#include "base/number_text.hpp"
#include "base/text.hpp"
#include "core/process/leftovers.hpp"
#include "host/linker_calls.hpp"
#include "host/own_threads.hpp"
#include "host/symbols.hpp"
#include "sync/item_call.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

// ---- the end of a file's code

/// Variables of the C library that lead to texts, which others read later.
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

/// Take off what the file has left. What still holds its code, in words; "": nothing that is known.
std::string take_off_and_find_holders(const loaded_file& f) {
  std::string words = the_files().zombies_on(f);
  if (!f.code.is_open())
    return words;
  const auto left = take_off_leftovers(f.range());
  for (const std::string& what : left.taken_off)
    log(KHELP_LOG_INFO, {f.name, ": it left ", what, ": taken off"});
  for (const std::string& what : left.remaining)
    words += (words.empty() ? "it left " : "; it left ") + what;
  if (const std::string_view variable = text_left_in_libc(f.range()); !variable.empty())
    words += concat(words.empty() ? "" : "; ", "it left ", variable,
                    " of the C library leading into it");
  if (!f.look_for_threads)
    return words;
  const std::string threads = threads_of(f.range());
  if (!threads.empty())
    words += (words.empty() ? "" : "; ") + threads;
  return words;
}

void log_libraries_that_stay(const loaded_file& f) noexcept {
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

/// Its code is gone. The log tells it before the name is free: the next load of it is told later.
void become_dead(loaded_file& f) noexcept {
  log_libraries_that_stay(f);
  log(KHELP_LOG_INFO,
      {f.name, " version ", number_text(f.version),
       f.load_failed ? ": what was mapped of it is gone, " : ": unloaded, ", f.path});
  the_files().gone(f);
}

/// Stopped for good, and its code stays. The linker needs no descriptor of what it has mapped.
void become_zombie(loaded_file& f, std::string reason, bool for_ever = false) noexcept {
  f.code.drop_copy();
  if (!the_files().is_zombie(f))
    log(KHELP_LOG_WARNING, {f.name, ": its code stays mapped (zombie): ", reason});
  the_files().make_zombie(f, std::move(reason), for_ever);
}

/// Give the code back and see whether the linker took it. What the check of its bytes calls permanent
/// is not given back at all; nor is what a fork has cut off: its destructors, or the linker itself,
/// would meet what is half there.
void give_code_back(loaded_file& f, std::string holders) noexcept {
  the_files().release_dependencies(f);
  if (!linker_is_whole())
    return become_zombie(f, linker_is_not_whole, true);
  if (f.cut_off || f.permanent)
    return become_zombie(f, std::move(f.cut_off ? f.if_cut_off : f.if_kept), true);
  if (!holders.empty())
    return become_zombie(f, std::move(holders));
  f.code.close();
  if (f.code.is_there())
    become_zombie(f, std::move(f.if_kept));
  else
    become_dead(f);
}

// ---- the last part of an unload

/// Handlers that had to wait for the end of a hook, then the code. False: something is left to do.
bool finish(loaded_file& f) {
  file_table& files = the_files();
  if (auto stopped = f.modules.stop(f.how, deadline(0), f.load_failed); !stopped) {
    f.late = waits_for_runs(f.how, stopped.error());
    if (f.late || cannot_be_sure(stopped.error())) {
      become_zombie(f, std::move(stopped.error().detail));
    } else {  // its unload was reported as done
      std::string words = "it refused to be unloaded: " + stopped.error().detail;
      log(KHELP_LOG_WARNING, {f.name, ": ", words});
      files.stays_live(f, std::move(words));
    }
    return true;
  }
  if (!f.modules.gone() || !(f.cut_off || f.modules.run_end_functions())) {
    files.postpone(f);
    return false;
  }
  f.late = false;
  std::string holders = take_off_and_find_holders(f);
  f.ended = true;
  give_code_back(f, std::move(holders));
  return true;
}

/// finish(); without memory for it, a later reap tries again.
bool finish_or_postpone(loaded_file& f) {
  the_files().begin_finishing(f);
  try {
    return finish(f);
  } catch (...) {
    the_files().postpone(f);
    throw;
  }
}

/// Whether what held it has let go meanwhile.
bool finish_zombie(loaded_file& f) {
  file_table& files = the_files();
  if (f.late)
    return finish_or_postpone(f);
  if (!f.ended || !linker_is_whole()) {
    files.postpone(f);
    return true;
  }
  std::string holders;
  try {
    holders = take_off_and_find_holders(f);
  } catch (...) {
    files.postpone(f);
    throw;
  }
  if (!holders.empty()) {
    files.postpone(f, std::move(holders));
    return true;
  }
  if (f.code.is_open()) {
    f.code.close();
    holders = std::move(f.if_kept);
  } else {
    f.code.let_go_again();
  }
  if (f.code.is_there())
    files.postpone(f, std::move(holders));
  else
    become_dead(f);
  return true;
}

/// In the child of a fork: what another thread of the parent was working on. A load cannot go on: it is
/// undone as far as it got. An unload that was still asking is forgotten; one that had begun is
/// finished. A module whose own code was in the middle of that stays as it is.
bool adopt(loaded_file& f, const file_table::work& found) {
  file_table& files = the_files();
  if (!found.bound) {  // nothing of it has run, and its modules may be half in the list
    files.release_dependencies(f);
    become_zombie(f, std::move(f.if_cut_off), true);
    return true;
  }
  if (found.state == KHELP_MODULE_DRAINING && f.modules.untouched()) {
    f.modules.go_on_in_child();
    files.stays_live(f);
    return true;
  }
  f.load_failed = true;  // nothing of it starts again
  f.cut_off = found.state == KHELP_MODULE_LOADING || f.modules.cut_off();
  f.how = KHELP_UNLOAD_REVOKE;
  return finish_or_postpone(f);
}

/// True when nothing is left to do for the file, or another thread works on it.
bool reap_file(loaded_file& f) {
  const auto found = the_files().take_up(f);
  if (!found)
    return true;
  if (found->orphaned && found->state != KHELP_MODULE_ZOMBIE)
    return adopt(f, *found);
  return found->state == KHELP_MODULE_ZOMBIE ? finish_zombie(f) : finish_or_postpone(f);
}

/// Files that were loaded only because others needed them go with the last of these, unless they are
/// in use: then they stay, and say why.
void unload_unreferenced() {
  file_table& files = the_files();
  unload_request request;
  while (const file_ref f = files.take_unreferenced(request.force)) {
    try {
      auto gone = unload(f->id, request);
      if (gone)
        continue;
      gone.error().detail = "nobody needs it any more; " + gone.error().detail;
      log(KHELP_LOG_WARNING, {f->name, ": ", gone.error().detail});
      files.note_reason(*f, std::move(gone.error().detail));
    } catch (const std::bad_alloc&) {
      files.give_back_unreferenced(*f);  // the next reap tries again
      throw;
    }
  }
}

/// Ask its modules, then stop them. On failure it is LIVE again, or a zombie that is not done with.
result<void> stop_modules(loaded_file& f, const unload_request& request) {
  file_table& files = the_files();
  const int how = request.how;
  const deadline limit = deadline::of_call(request.timeout_ns);
  try {
    if (auto answer = f.modules.ask(how, request.force); !answer) {
      files.stays_live(f);
      return answer;
    }
    if (how != KHELP_UNLOAD_WAIT)
      files.begin_going(f);
    auto stopped = f.modules.stop(how, limit, f.load_failed);
    if (stopped)
      return {};
    if (waits_for_runs(how, stopped.error())) {
      f.how = how;
      f.late = true;
      become_zombie(f, stopped.error().detail);
    } else if (cannot_be_sure(stopped.error())) {
      become_zombie(f, stopped.error().detail);
    } else {
      files.stays_live(f);
    }
    return stopped;
  } catch (...) {
    files.stays_live(f);
    throw;
  }
}

}  // namespace

result<void> unload(std::int32_t id, const unload_request& request) {
  const int how = request.how;
  file_table& files = the_files();
  if (how != KHELP_UNLOAD_REFUSE && how != KHELP_UNLOAD_WAIT && how != KHELP_UNLOAD_REVOKE)
    return failure(EINVAL, "unknown way to unload");
  if (files.is_shut_down())
    return failure(ESHUTDOWN, "the process ends: hooks of modules are off, and their code stays");
  const bool in_hook = would_wait_for_itself();
  if (in_hook && how == KHELP_UNLOAD_WAIT)
    return failure(EDEADLK, "a hook would wait for itself");
  if (!in_hook)
    khelp::reap();
  if (request.when_free && files.leave_to_dependents(id))
    return {};
  auto begun = files.begin_unload(id);
  if (!begun)
    return std::move(begun.error());
  loaded_file& f = **begun;
  if (auto stopped = stop_modules(f, request); !stopped)
    return cannot_be_sure(stopped.error()) ? result<void>() : stopped;
  f.how = how;
  files.set_forced(f, request.force);
  if (in_hook) {
    files.postpone(f);
    return {};
  }
  // To its end in one go: when this answers 0, the name is free.
  finish_or_postpone(f);
  unload_unreferenced();
  return {};
}

void undo_load(std::vector<file_ref>& files) {
  for (; !files.empty(); files.pop_back()) {
    loaded_file& f = *files.back();
    if (the_files().keep_for_dependents(f))
      continue;
    f.how = KHELP_UNLOAD_REVOKE;
    f.load_failed = true;
    the_files().load_failed(f);
    try {
      reap_file(f);
    } catch (const std::bad_alloc&) {
      continue;  // a later reap ends it
    }
    the_files().forget_dead(f);
  }
  unload_unreferenced();
}

unsigned reap_files() {
  if (inside_section())
    return 0;
  unsigned waiting = 0;
  for (const file_ref& f : the_files().unfinished())
    waiting += !reap_file(*f);
  unload_unreferenced();
  return waiting;
}

}  // namespace khelp
