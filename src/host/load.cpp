#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>

#include "base/cancellation.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "base/text.hpp"
#include "core/helpers/helper_registry.hpp"
#include "host/file_copy.hpp"
#include "host/file_sets.hpp"
#include "host/linker_calls.hpp"
#include "host/loader.hpp"
#include "host/own_threads.hpp"
#include "host/symbols.hpp"
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

/// How the dynamic linker finds the bytes that were checked: a sealed copy, or the file itself, for
/// profilers. Tools that look for what is mapped are told where the file is.
result<link_names> names_for_linker(loaded_file& f, const planned_file& planned, bool by_path) {
  std::string path = full_path(planned.path);
  if (by_path)
    return link_names{path, path};
  auto copy = seal_copy(planned.bytes, concat("khelp:", f.name, "@", f.version));
  if (!copy)
    return std::move(copy.error());
  f.copy = std::move(*copy);
  link_names names;
  names.shown = mapping::unused_name(path);
  names.opened = f.copy.path(names.shown.size());
  // The number may be the name of something older whose descriptor somebody closed.
  while (mapping::is_taken(names.opened)) {
    if (auto moved = f.copy.take_another_path(); !moved)
      return std::move(moved.error());
    names.opened = f.copy.path(names.shown.size());
  }
  return names;
}

result<void> give_parameters(loaded_file& f, const load_parameters& parameters) {
  for (const auto& [param, value] : parameters) {
    bool wanted = false;
    for (module_instance& module : f.modules) {
      if (!module.has_param(param.c_str()))
        continue;
      wanted = true;
      if (auto set = module.set_param(param.c_str(), value.c_str()); !set)
        return set;
    }
    if (!wanted)
      return failure(EINVAL, concat("it has no parameter ", quoted(param)));
  }
  return {};
}

/// Start its modules in their order, and its start functions between them: all of them, or, if that is asked for, those that will. Of
/// several that fail in different ways none speaks for all: ENOEXEC (M-2, M-3).
result<void> start_all(loaded_file& f, bool partial) {
  int code = 0;
  std::string words;
  std::size_t failed = 0;
  for (module_instance& module : f.modules) {
    if (auto ran = f.startup->run_up_to(module.place()); !ran)
      return ran;
    auto started = module.start();
    if (started)
      continue;
    if (!partial)
      return started;
    failed++;
    const int own = started.error().code;
    code = code == 0 || code == own ? own : ENOEXEC;
    words += (words.empty() ? "" : "\n") + started.error().detail;
  }
  if (failed == f.modules.size())
    return failure(code, std::move(words));
  if (failed != 0)
    f.amiss = "not all of its modules have started: " + words;
  return f.startup->run_all();
}

/// The time is that of the whole load, so only the file that was asked for has one.
void tell_loaded(const loaded_file& f, const loaded_file& asked, std::chrono::microseconds took) {
  const number_text version(f.version);
  if (&f == &asked)
    log(KHELP_LOG_INFO, {f.name, " version ", version, ": loaded from ", f.path, " in ",
                         number_text(static_cast<std::uint64_t>(took.count())), " us"});
  else
    log(KHELP_LOG_INFO,
        {f.name, " version ", version, ": loaded from ", f.path, ", ", asked.name, " needs it"});
}

/// Whether others may depend on it: it is LIVE, or this very thread has just started it for a load
/// that goes on.
bool usable(const loaded_file& f) {
  if (f.state == KHELP_MODULE_LIVE)
    return true;
  return f.state == KHELP_MODULE_LOADING && f.started && pthread_equal(f.worker, pthread_self());
}

}  // namespace

// ---- load

result<std::int32_t> loader::load(const load_request& request) {
  if (inside_section())
    return failure(EDEADLK, "a module cannot be loaded from inside a hook");
  // Who has the instances' turn waits for nobody's load: loads take the turns the other way round.
  if (the_instances().changing())
    return failure(EDEADLK, "a module cannot be loaded while an instance begins or ends");
  {
    lock_guard held(mutex_);
    if (shut_down_)
      return failure(ESHUTDOWN, "the process ends: what is loaded now would not hear of it");
  }
  if (!linker_is_whole())
    return failure(ENOTRECOVERABLE, linker_is_not_whole);
  const load_policy policy{folders_of_modules(request.path_first), request.libraries};
  while (true) {
    std::int32_t hindrance = 0;
    auto loaded = load_in_turn(request, policy, hindrance);
    if (loaded || hindrance == 0 || !wait_for_the_end_of(hindrance))
      return loaded;
  }
}

/// Whether others may wait for what this thread is doing.
bool loader::at_work() {
  if (turn_.is_mine())
    return true;
  return std::any_of(files_.begin(), files_.end(), [](const file& f) {
    return f->busy && pthread_equal(f->worker, pthread_self());
  });
}

/// A file whose unload was reported as done may still be in the hands of the thread that ends it.
/// Nothing is held meanwhile, not even the turn: what ends may load. False: it does not end now, or
/// its end may wait for this very thread.
bool loader::wait_for_the_end_of(std::int32_t id) {
  const no_cancellation later;
  {
    lock_guard held(mutex_);
    if (at_work())
      return false;
  }
  if (called_by_linker())
    return false;
  // First its helpers end, then it does.
  if (!the_helpers().wait_for_finishers())
    return false;
  khelp::reap();
  lock_guard held(mutex_);
  file f = find_file(id);
  while (f != nullptr && f->state == KHELP_MODULE_GOING && f->busy && f->finishing) {
    settled_.wait(mutex_);
    f = find_file(id);
  }
  return f == nullptr || f->state != KHELP_MODULE_GOING;
}

/// The pipeline. Resolve the name; read each file once and check its bytes, its records and what
/// they need (plan_load: a signature would be judged there, on the bytes that were read); then,
/// file by file and dependencies first, reserve (enter; an unsigned file would be tried in a child
/// process after that), map and start (bring_in). Whatever fails, all of it is undone in reverse.
result<std::int32_t> loader::load_in_turn(const load_request& request, const load_policy& policy,
                                          std::int32_t& hindrance) {
  // The load of another thread may want the lock that the dynamic linker holds around a constructor.
  if (!turn_.try_take()) {
    if (called_by_linker())
      return failure(EDEADLK,
                     "another thread loads a module, and this one runs a constructor or "
                     "destructor under dlopen(3) or dlclose(3): neither would end");
    turn_.take();
  }
  const turn mine(turn_, std::adopt_lock);
  khelp::reap();
  const auto path = find_module_file(request.name, policy.folders);
  if (!path)
    return path.error();
  const auto begun = std::chrono::steady_clock::now();
  const auto plan = plan_load(*path, present(), policy);
  if (!plan)
    return plan.error();
  hindrance = plan->hindrance;
  if (!plan->problems.empty())
    return plan->refusal();

  std::vector<file> loaded_now;
  loaded_now.reserve(plan->files.size());
  const auto undo = [&] {
    for (; !loaded_now.empty(); loaded_now.pop_back())
      take_out(loaded_now.back());
    unload_unneeded();
  };
  const load_request as_dependency{
      {}, {}, {}, {}, request.by_path, request.partial, request.most_zombies};
  try {
    for (const planned_file& planned : plan->files) {
      const bool last = &planned == &plan->files.back();
      auto entered = enter(planned, loaded_now, request.most_zombies);
      if (!entered) {
        undo();
        return with_name(std::move(entered.error()), planned.path);
      }
      loaded_now.push_back(*entered);
      auto done = bring_in(*loaded_now.back(), planned, last ? request : as_dependency);
      if (!done) {
        undo();
        return with_name(std::move(done.error()), planned.path);
      }
      mark_started(loaded_now.back());
    }
  } catch (...) {  // out of memory, or this thread is cancelled inside a module's code
    undo();
    throw;
  }
  go_live(loaded_now);
  const std::chrono::microseconds took = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begun);
  for (const file& f : loaded_now) {
    tell_loaded(*f, *loaded_now.back(), took);
    if (!f->amiss.empty())
      log(KHELP_LOG_WARNING, {f->path, ": ", f->amiss});
    if (f->permanent)
      log(KHELP_LOG_INFO, {f->path, ": cannot be unmapped again: ", f->if_kept});
  }
  return loaded_now.back()->id;
}

/// What a module offers goes with it, when it did not start or did not start again.
void loader::withdraw(present_file& f, const std::string& module) {
  const auto kept =
      std::stable_partition(f.offers.begin(), f.offers.end(),
                            [&](const offered_interface& offer) { return offer.name != module; });
  f.withdrawn.insert(f.withdrawn.end(), kept, f.offers.end());
  f.offers.erase(kept, f.offers.end());
}

result<load_plan> loader::plan(const load_request& request) {
  return plan_load(request.name, present(),
                   {folders_of_modules(request.path_first), request.libraries});
}

std::vector<present_file> loader::present() {
  lock_guard held(mutex_);
  std::vector<present_file> all;
  all.push_back({program_file, true, false, {}, {{"kernel", KHELP_KERNEL_VERSION}}, {}});
  for (const file& f : files_) {
    if (f->state == KHELP_MODULE_DEAD)
      continue;
    if (f->state == KHELP_MODULE_ZOMBIE) {
      all.push_back({f->id, false, false, {}, {}, f->soname});
      continue;
    }
    const bool others_end_it =
        f->state == KHELP_MODULE_GOING &&
        (!f->busy || (f->finishing && !pthread_equal(f->worker, pthread_self())));
    present_file& added = all.emplace_back(present_file{
        f->id, usable(*f), others_end_it, {}, f->offers, f->soname, f->path, f->exports});
    for (const registered_module& module : f->registered) {
      if (module.there || f->state == KHELP_MODULE_GOING)
        added.modules.push_back(module.name);
      else if (added.usable)
        withdraw(added, module.name);
    }
  }
  return all;
}

/// Reserve: the file is listed as LOADING, and what it stands on can no longer go.
/// Each further load may leave one more.
result<void> loader::room_for_a_zombie(const std::string& name, std::uint32_t most) const {
  std::uint32_t count = 0;
  const loaded_file* newest = nullptr;
  for (const file& f : files_) {
    if (f->state != KHELP_MODULE_ZOMBIE || f->name != name)
      continue;
    count++;
    newest = f.get();
  }
  if (count == 0 || count < most)
    return {};
  return failure(EBUSY, concat(count, " files of module ", quoted(name),
                               " were unloaded and are still mapped, and more are not allowed "
                               "here (khelp_load_options.most_zombies): ",
                               newest->reason));
}

result<loader::file> loader::enter(const planned_file& planned, const std::vector<file>& loaded_now,
                                   std::uint32_t most_zombies) {
  auto f = std::make_shared<loaded_file>();
  const module_file& contents = planned.contents;
  f->name = contents.modules.front().name;
  f->path = planned.path;
  f->version = contents.modules.front().version;
  f->personality = contents.modules.front().personality;
  f->bytes = contents.elf.memory_size;
  const unmapping verdict = judge_unmapping(contents.elf);
  f->permanent = !verdict.never.empty();
  f->look_for_threads = verdict.look_for_threads;
  f->reason = joined(verdict.never);
  if (f->permanent)
    f->if_kept = f->reason;
  else if (!contents.elf.delayed.empty())
    f->if_kept = joined(contents.elf.delayed);
  else
    f->if_kept = "the dynamic linker still needs it (another library uses it)";
  f->offers = contents.offers;
  f->soname = contents.elf.soname;
  f->exports = std::make_shared<const std::vector<elf_export>>(contents.elf.exports);
  for (const declared_module& module : contents.modules)
    f->registered.push_back({0, module.name, true, 0});
  for (const std::size_t place : planned.needs_planned)
    f->stands_on.push_back(loaded_now[place]);

  lock_guard held(mutex_);
  if (auto room = room_for_a_zombie(f->name, most_zombies); !room)
    return std::move(room.error());
  for (const std::int32_t id : planned.needs_present) {
    if (id == program_file)
      continue;
    const auto found = std::find_if(files_.begin(), files_.end(), [id](const file& other) {
      return other->id == id && usable(*other);
    });
    if (found == files_.end())
      return failure(ENOENT, concat("what it needs, file ", id, ", has just been unloaded"));
    f->stands_on.push_back(*found);
  }
  // Who never asks for the listing has no use for what has gone before.
  std::erase_if(files_, [](const file& other) { return other->state == KHELP_MODULE_DEAD; });
  files_.push_back(f);
  for (const file& below : f->stands_on)
    below->dependants++;
  f->id = next_id_++;
  for (registered_module& module : f->registered)
    module.id = next_module_id_++;
  f->worker = pthread_self();
  return f;
}

/// Of the dynamic linker's own names the plan knew nothing: the program may have another library of
/// the same name. What came first keeps the name, so this stays true while the file is mapped.
result<void> loader::libraries_are_its_own(const loaded_file& f, const elf_summary& elf) {
  for (const std::string& library : elf.beyond_runtime) {
    const auto below = std::find_if(f.stands_on.begin(), f.stands_on.end(),
                                    [&](const file& other) { return other->soname == library; });
    if (below != f.stands_on.end() && !(*below)->code.is_library(library))
      return failure(ENOEXEC, concat("it needs ", quoted(library),
                                     ", and this process has something else of that name"));
  }
  return {};
}

result<void> loader::bring_in(loaded_file& f, const planned_file& planned,
                              const load_request& request) {
  const auto names = names_for_linker(f, planned, request.by_path);
  if (!names)
    return names.error();
  if (auto bound = libraries_are_its_own(f, planned.contents.elf); !bound)
    return bound;
  for (const std::string& library : planned.contents.elf.needed) {
    if (!is_mapped_library(library))
      f.brought_in.push_back(library);
  }
  auto code = mapping::open(*names, planned.bytes, planned.contents.elf);
  f.copy.remove_name();
  if (!code)
    return std::move(code.error());
  f.code = std::move(*code);
  be_first_at_exit();
  for (const declared_module& declared : planned.contents.modules) {
    auto module = module_instance::bind(f.code, declared);
    if (!module)
      return std::move(module.error());
    f.modules.push_back(std::move(*module));
  }
  const auto sets = mapped_sets(f.code, planned.contents.sets);
  if (!sets)
    return sets.error();
  auto startup = file_startup::prepare(f.name, *sets);
  if (!startup)
    return std::move(startup.error());
  f.startup = std::move(*startup);
  mark_bound(f);
  if (auto given = give_parameters(f, request.parameters); !given)
    return given;
  if (auto started = start_all(f, request.partial); !started)
    return started;
  be_first_at_exit();  // its start may have made more
  return {};
}

void loader::mark_bound(loaded_file& f) {
  lock_guard held(mutex_);
  f.bound = true;
}

void loader::mark_started(const file& f) {
  lock_guard held(mutex_);
  f->started = true;
  if (!f->amiss.empty())
    f->reason += (f->reason.empty() ? "" : "; ") + f->amiss;
  note_modules(*f);
}

/// The listing's account of its modules, by whoever works on the file.
void loader::note_modules(loaded_file& f) noexcept {
  for (std::size_t i = 0; i < f.modules.size(); i++) {
    f.registered[i].there = f.modules[i].running();
    f.registered[i].helper = f.modules[i].helper();
  }
}

void loader::go_live(const std::vector<file>& loaded_now) noexcept {
  lock_guard held(mutex_);
  for (const file& f : loaded_now) {
    f->state = KHELP_MODULE_LIVE;
    f->busy = false;
  }
  loaded_now.back()->userrefs = 1;
}

/// Undo a load, wherever it stopped. What a module's init has loaded on top of it meanwhile stays,
/// and so does the file.
void loader::take_out(const file& f) noexcept {
  {
    lock_guard held(mutex_);
    if (f->dependants != 0) {
      f->state = KHELP_MODULE_LIVE;
      f->busy = false;
      return;
    }
  }
  f->how = KHELP_UNLOAD_REVOKE;
  f->load_failed = true;
  settle(f, KHELP_MODULE_GOING);
  try {
    reap_one(f);
  } catch (const std::bad_alloc&) {
    return;  // a later reap() ends it
  }
  lock_guard held(mutex_);
  if (f->state == KHELP_MODULE_DEAD)
    std::erase(files_, f);  // its load is reported as failed: nothing more to list
}

loader& the_loader() {
  // In place: it is there also when there is no memory.
  alignas(loader) static std::byte storage[sizeof(loader)];
  static loader& one = *new (storage) loader;
  return one;
}

loader::loader() {
  the_helpers();  // its reaper comes first: files wait for their helpers to end
  // Each leaves the lock as the next one finds it, which is more than the analysis can follow.
  pthread_atfork([]() KHELP_NO_TSA { the_loader().before_fork(); },
                 []() KHELP_NO_TSA { the_loader().after_fork_in_parent(); },
                 []() KHELP_NO_TSA { the_loader().after_fork_in_child(); });
  add_reaper([]() -> unsigned { return the_loader().reap(); });
  be_first_at_exit();
}

}  // namespace khelp
