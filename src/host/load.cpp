#include "host/load.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "base/cancellation.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "base/text.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/instances/instance.hpp"
#include "host/exit_order.hpp"
#include "host/files.hpp"
#include "host/linker_calls.hpp"
#include "host/own_threads.hpp"
#include "host/process_end.hpp"
#include "host/unload.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts)
    text += (text.empty() ? "" : "; ") + part;
  return text;
}

failure with_name(failure why, const std::string& path) {
  why.detail = path + ": " + why.detail;
  return why;
}

/// Its absolute path; what it was called by where that cannot be known (it has gone meanwhile).
std::string full_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> full(realpath(path.c_str(), nullptr), std::free);
  return full == nullptr ? path : full.get();
}

load_policy policy_of(const load_request& request) {
  return {folders_of_modules(request.path_first), request.libraries, request.most_zombies};
}

/// Once, before the first load.
void prepare_process() {
  static const bool prepared = [] {
    the_files();
    the_helpers();  // its reaper comes first: files wait for their helpers to end
    add_reaper(reap_files);
    set_exit_function(end_modules_with_process);
    return true;
  }();
  (void)prepared;
}

/// What the table tells of a planned file. `reason`: of being permanent.
file_ref draft_of(planned_file& planned, std::string& reason) {
  auto f = std::make_shared<loaded_file>();
  module_file& contents = planned.contents;
  f->name = contents.modules.front().name;
  f->path = planned.path;
  f->full_path = full_path(planned.path);
  f->version = contents.modules.front().version;
  f->personality = contents.modules.front().personality;
  f->bytes = contents.elf.memory_size;
  const unmapping verdict = judge_unmapping(contents.elf);
  f->permanent = !verdict.never.empty();
  f->look_for_threads = verdict.look_for_threads;
  reason = joined(verdict.never);
  if (f->permanent)
    f->if_kept = reason;
  else if (!contents.elf.delayed.empty())
    f->if_kept = joined(contents.elf.delayed);
  else
    f->if_kept = "the dynamic linker still needs it (another library uses it)";
  f->offers = contents.offers;
  f->soname = contents.elf.soname;
  f->exports = std::move(contents.elf.exports);
  f->brought_in = std::move(planned.brings_in);
  for (const declared_module& module : contents.modules)
    f->module_names.push_back(module.name);
  return f;
}

/// The dynamic linker has names of its own, of which the plan knew nothing: the program may have
/// another library of the same name. The first one that came keeps the name, so this stays true while
/// the file is mapped.
result<void> libraries_are_its_own(const std::vector<file_ref>& dependencies,
                                   const elf_summary& elf) {
  for (const std::string& library : elf.beyond_runtime) {
    for (const file_ref& below : dependencies) {
      if (below->soname == library && !below->code.is_library(library))
        return failure(ENOEXEC, concat("it needs ", quoted(library),
                                       ", and this process has something else of that name"));
    }
  }
  return {};
}

/// Map the file and start its modules.
result<void> bring_in(const file_ref& f, const planned_file& planned, const load_request& request) {
  const elf_summary& elf = planned.contents.elf;
  if (!elf.beyond_runtime.empty()) {
    const auto dependencies = the_files().dependencies_of(*f);
    if (auto bound = libraries_are_its_own(dependencies, elf); !bound)
      return bound;
  }
  auto code = mapping::open(
      {f->full_path, f->spelling, concat("khelp:", f->name, "@", f->version), request.by_path},
      planned.bytes, elf);
  if (!code)
    return std::move(code.error());
  f->code = std::move(*code);
  auto modules = file_modules::bind(f->name, f->code, planned.contents);
  if (!modules)
    return std::move(modules.error());
  f->modules = std::move(*modules);
  the_files().mark_bound(*f);
  if (auto set = f->modules.set_parameters(request.parameters); !set)
    return set;
  if (auto started = f->modules.start(request.partial); !started)
    return started;
  the_files().mark_started(*f);
  return {};
}

/// One file after the other, dependencies first. A failure is that of the last one in `files`.
result<void> bring_in_all(load_plan& plan, const load_request& request,
                          std::vector<file_ref>& files) {
  const load_request as_dependency{
      {}, {}, {}, {}, request.by_path, request.partial, request.most_zombies};
  files.reserve(plan.files.size());
  for (planned_file& planned : plan.files) {
    const bool last = &planned == &plan.files.back();
    std::vector<file_ref> dependencies;
    for (const std::size_t place : planned.needs_planned)
      dependencies.push_back(files[place]);
    std::string reason;
    const file_ref f = draft_of(planned, reason);
    auto done = the_files().begin_load(f, std::move(dependencies), planned.needs_present,
                                       std::move(reason));
    if (done) {
      files.push_back(f);
      done = bring_in(f, planned, last ? request : as_dependency);
    }
    if (!done)
      return with_name(std::move(done.error()), planned.path);
  }
  the_files().loaded(files);
  return {};
}

/// The time is that of the whole load, so only the file that was asked for has one.
void log_loaded(const std::vector<file_ref>& files, std::chrono::microseconds took) {
  const loaded_file& asked = *files.back();
  for (const file_ref& f : files) {
    const number_text version(f->version);
    if (f == files.back())
      log(KHELP_LOG_INFO, {f->name, " version ", version, ": loaded from ", f->path, " in ",
                           number_text(static_cast<std::uint64_t>(took.count())), " us"});
    else
      log(KHELP_LOG_INFO, {f->name, " version ", version, ": loaded from ", f->path, ", ",
                           asked.name, " needs it"});
    if (const std::string& errors = f->modules.load_errors(); !errors.empty())
      log(KHELP_LOG_WARNING, {f->path, ": ", errors});
    if (f->permanent)
      log(KHELP_LOG_INFO, {f->path, ": cannot be unmapped again: ", f->if_kept});
  }
}

/// Find the file; read it and what it needs once, and judge the bytes (plan_load); then reserve, map
/// and start file by file. Whatever fails, all of it is undone in reverse.
///
/// `blocker`: a file whose end, which another thread works on, is all that speaks against it.
result<std::int32_t> load_in_turn(const load_request& request, std::int32_t& blocker) {
  const load_policy policy = policy_of(request);
  const auto path = find_module_file(request.name, policy.folders);
  if (!path)
    return path.error();
  const auto begun = std::chrono::steady_clock::now();
  auto plan = plan_load(*path, policy);
  if (!plan)
    return plan.error();
  blocker = plan->blocker;
  if (!plan->problems.empty())
    return plan->refusal();
  std::vector<file_ref> files;
  try {
    if (auto done = bring_in_all(*plan, request, files); !done) {
      undo_load(files);
      return std::move(done.error());
    }
  } catch (...) {  // out of memory, or this thread is cancelled inside a module's code
    undo_load(files);
    throw;
  }
  log_loaded(files, std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::steady_clock::now() - begun));
  return files.back()->id;
}

/// Another thread's load may want the lock that the dynamic linker holds around a constructor.
result<void> take_turn() {
  turn_state& turn = the_files().load_turn;
  if (turn.try_take())
    return {};
  if (called_by_linker())
    return failure(EDEADLK,
                   "another thread loads a module, and this one runs a constructor or "
                   "destructor under dlopen(3) or dlclose(3): neither would end");
  turn.take();
  return {};
}

/// A file whose unload was reported as done may still be in the hands of the thread that ends it.
/// Nothing is held meanwhile, not even the turn: what ends may load. False: it does not end now, or
/// its end may wait for this very thread.
bool wait_for_the_end_of(std::int32_t id) {
  const no_cancellation later;
  if (the_files().in_use_by_me() || called_by_linker())
    return false;
  // First its helpers end, then it does.
  if (!the_helpers().wait_for_finishers())
    return false;
  khelp::reap();
  return the_files().wait_for_the_end_of(id);
}

}  // namespace

result<std::int32_t> load(const load_request& request) {
  if (inside_section())
    return failure(EDEADLK, "a module cannot be loaded from inside a hook");
  // A thread that holds the instances' turn must not load: the order is the loads' turn, then the
  // instances'.
  if (the_instances().changing())
    return failure(EDEADLK, "a module cannot be loaded while an instance begins or ends");
  if (the_files().is_shut_down())
    return failure(ESHUTDOWN, "the process ends: what is loaded now would not hear of it");
  if (!linker_is_whole())
    return failure(ENOTRECOVERABLE, linker_is_not_whole);
  prepare_process();
  while (true) {
    std::int32_t blocker = 0;
    if (auto taken = take_turn(); !taken)
      return std::move(taken.error());
    auto loaded = [&] {
      const turn mine(the_files().load_turn, std::adopt_lock);
      khelp::reap();
      return load_in_turn(request, blocker);
    }();
    if (loaded || blocker == 0 || !wait_for_the_end_of(blocker))
      return loaded;
  }
}

result<load_plan> plan_of(const load_request& request) {
  return plan_load(request.name, policy_of(request));
}

}  // namespace khelp
