#include "host/loader.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "core/helper_registry.hpp"
#include "core/reaper.hpp"
#include "host/file_copy.hpp"
#include "host/module_path.hpp"
#include "host/sentence.hpp"
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

/// What is left of a wait. Negative: no limit.
class deadline {
 public:
  explicit deadline(std::int64_t timeout_ns)
      : limited_(timeout_ns >= 0),
        end_(std::chrono::steady_clock::now() +
             std::chrono::nanoseconds(limited_ ? timeout_ns : 0)) {}

  std::int64_t left_ns() const {
    if (!limited_)
      return -1;
    const auto left = end_ - std::chrono::steady_clock::now();
    return std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::nanoseconds>(left).count());
  }

 private:
  bool limited_;
  std::chrono::steady_clock::time_point end_;
};

// ---- bringing in

/// The name under which the dynamic linker finds the bytes that were checked: a sealed copy's
/// descriptor, or the file itself, for debuggers and profilers.
result<std::string> place_for_linker(loaded_file& f, const planned_file& planned, bool by_path) {
  if (by_path) {
    char* full = realpath(planned.path.c_str(), nullptr);
    if (full == nullptr)
      return failure(errno, khelp_strerror(errno));
    std::string name(full);
    std::free(full);
    return name;
  }
  auto copy = seal_copy(planned.bytes, sentence("khelp:", f.name, "@", f.version));
  if (!copy)
    return std::move(copy.error());
  f.copy = std::move(*copy);
  // The number may be the name of something older whose descriptor somebody closed.
  std::string name = sentence("/proc/self/fd/", f.copy.fd());
  while (mapping::is_taken(name)) {
    if (auto moved = f.copy.move_up(); !moved)
      return std::move(moved.error());
    name = sentence("/proc/self/fd/", f.copy.fd());
  }
  return name;
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
      return failure(EINVAL, sentence("it has no parameter ", quoted(param)));
  }
  return {};
}

// ---- stopping

/// Two phases (M-5): ask everybody, the last one loaded first; when somebody objects, those asked
/// before go on. What waits or revokes does not care about objects that hold a helper.
result<void> ask_all(loaded_file& f, int how) {
  for (std::size_t i = f.modules.size(); i-- > 0;) {
    auto answer = f.modules[i].ask();
    if (answer || how == KHELP_UNLOAD_REVOKE)
      continue;
    if (how == KHELP_UNLOAD_WAIT && f.modules[i].can_wait())
      continue;
    for (std::size_t j = i + 1; j < f.modules.size(); j++)
      f.modules[j].resume();
    return answer;
  }
  return {};
}

/// Stop what still runs, the last one started first. A handler that has to wait until this hook has
/// ended is left for reap().
result<void> stop_all(loaded_file& f, int how, const deadline& limit) {
  for (std::size_t i = f.modules.size(); i-- > 0;) {
    auto stopped = f.modules[i].stop(how, limit.left_ns());
    if (stopped || stopped.error().code == EAGAIN)
      continue;
    for (std::size_t j = 0; j <= i; j++)
      f.modules[j].resume();
    return stopped;
  }
  return {};
}

/// Whether others may depend on it: it is LIVE, or this very thread has just started it for a load
/// that goes on.
bool usable(const loaded_file& f) {
  if (f.state == KHELP_MODULE_LIVE)
    return true;
  return f.state == KHELP_MODULE_LOADING && f.started && pthread_equal(f.worker, pthread_self());
}

/// Its hooks are off, but nobody can tell whether a thread is still inside one (membarrier(2) is
/// refused): the code stays where it is.
bool cannot_be_sure(const failure& why) {
  return why.code == ENOSYS;
}

bool all_gone(const loaded_file& f) {
  return std::all_of(f.modules.begin(), f.modules.end(),
                     [](const module_instance& module) { return module.gone(); });
}

}  // namespace

// ---- turns

/// A turn to load. It is state, not a lock: a module's own init, which runs in the turn, may load
/// what it needs.
class loader::turn {
 public:
  explicit turn(loader& owner) : loader_(owner) {
    lock_guard held(loader_.mutex_);
    if (!loader_.turn_taken_ || !pthread_equal(loader_.turn_owner_, pthread_self())) {
      while (loader_.turn_taken_)
        loader_.turn_free_.wait(loader_.mutex_);
      loader_.turn_taken_ = true;
      loader_.turn_owner_ = pthread_self();
    }
    loader_.turn_depth_++;
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  ~turn() {
    lock_guard held(loader_.mutex_);
    if (--loader_.turn_depth_ != 0)
      return;
    loader_.turn_taken_ = false;
    loader_.turn_free_.notify_one();
  }

 private:
  loader& loader_;
};

// ---- load

/// The pipeline. Resolve the name; read each file once and check its bytes, its records and what
/// they need (plan_load: a signature would be judged there, on the bytes that were read); then,
/// file by file and dependencies first, reserve (enter; an unsigned file would be tried in a child
/// process after that), map and start (bring_in). Whatever fails, all of it is undone in reverse.
result<std::int32_t> loader::load(const load_request& request) {
  if (inside_section())
    return failure(EDEADLK, "a module cannot be loaded from inside a hook");
  const turn mine(*this);
  khelp::reap();
  const auto path = find_module_file(request.name, request.path_first);
  if (!path)
    return path.error();
  auto plan = plan_load(*path, present(), request.path_first);
  if (!plan)
    return std::move(plan.error());

  std::vector<file> loaded_now;
  loaded_now.reserve(plan->size());
  const auto undo = [&] {
    for (; !loaded_now.empty(); loaded_now.pop_back())
      take_out(loaded_now.back());
    unload_unneeded();
  };
  const load_request as_dependency{{}, {}, {}, request.by_path};
  try {
    for (const planned_file& planned : *plan) {
      const bool last = &planned == &plan->back();
      auto entered = enter(planned, loaded_now);
      if (!entered) {
        undo();
        return with_name(std::move(entered.error()), planned.path);
      }
      loaded_now.push_back(*entered);
      loaded_now.back()->on_request = last;
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
  for (const file& f : loaded_now)
    settle(f, KHELP_MODULE_LIVE);
  return loaded_now.back()->id;
}

std::vector<present_file> loader::present() {
  lock_guard held(mutex_);
  std::vector<present_file> all;
  for (const file& f : files_) {
    if (f->state == KHELP_MODULE_DEAD || f->state == KHELP_MODULE_ZOMBIE)
      continue;
    all.push_back({f->id, usable(*f), f->module_names, f->offers});
  }
  return all;
}

/// Reserve: the file is listed as LOADING, and what it stands on can no longer go.
result<loader::file> loader::enter(const planned_file& planned,
                                   const std::vector<file>& loaded_now) {
  auto f = std::make_shared<loaded_file>();
  const module_file& contents = planned.contents;
  f->name = contents.modules.front().name;
  f->path = planned.path;
  f->version = contents.modules.front().version;
  f->personality = contents.modules.front().personality;
  f->bytes = contents.elf.memory_size;
  f->permanent = !contents.elf.permanent.empty();
  f->kept_for_ever = contents.elf.kept_for_ever;
  f->reason = joined(contents.elf.permanent);
  f->if_kept = f->permanent ? f->reason
                            : "the dynamic linker still needs it (destructors of threads that have "
                              "not ended, or another library uses it)";
  f->offers = contents.offers;
  for (const declared_module& module : contents.modules)
    f->module_names.push_back(module.name);
  for (const std::size_t place : planned.needs_planned)
    f->stands_on.push_back(loaded_now[place]);

  lock_guard held(mutex_);
  for (const std::int32_t id : planned.needs_present) {
    const auto found = std::find_if(files_.begin(), files_.end(), [id](const file& other) {
      return other->id == id && usable(*other);
    });
    if (found == files_.end())
      return failure(ENOENT, sentence("what it needs, file ", id, ", has just been unloaded"));
    f->stands_on.push_back(*found);
  }
  files_.push_back(f);
  for (const file& below : f->stands_on)
    below->dependants++;
  f->id = next_id_++;
  f->worker = pthread_self();
  return f;
}

result<void> loader::bring_in(loaded_file& f, const planned_file& planned,
                              const load_request& request) {
  auto link_name = place_for_linker(f, planned, request.by_path);
  if (!link_name)
    return std::move(link_name.error());
  auto code = mapping::open(*link_name, planned.bytes, planned.contents.elf);
  if (!code)
    return std::move(code.error());
  f.code = std::move(*code);
  for (const declared_module& declared : planned.contents.modules) {
    auto module = module_instance::bind(f.code, declared);
    if (!module)
      return std::move(module.error());
    f.modules.push_back(std::move(*module));
  }
  if (auto given = give_parameters(f, request.parameters); !given)
    return given;
  for (module_instance& module : f.modules) {
    if (auto started = module.start(); !started)
      return started;
  }
  return {};
}

void loader::mark_started(const file& f) {
  lock_guard held(mutex_);
  f->started = true;
}

void loader::enter_state(const file& f, khelp_module_state state) {
  lock_guard held(mutex_);
  f->state = state;
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

// ---- unload

result<loader::file> loader::claim(std::int32_t id) {
  lock_guard held(mutex_);
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [id](const file& other) { return other->id == id; });
  if (found == files_.end() || (*found)->state == KHELP_MODULE_DEAD)
    return failure(ENOENT, sentence("no module file ", id));
  const file& f = *found;
  if (f->state == KHELP_MODULE_ZOMBIE)
    return failure(EALREADY, f->name + " is stopped for good; its code stays mapped: " + f->reason);
  if (f->state == KHELP_MODULE_LOADING)
    return failure(EBUSY, f->name + " is being loaded");
  if (f->state != KHELP_MODULE_LIVE)
    return failure(EALREADY, f->name + " is being unloaded");
  if (f->dependants != 0) {
    std::string names;
    for (const file& other : files_) {
      if (std::find(other->stands_on.begin(), other->stands_on.end(), f) != other->stands_on.end())
        names += (names.empty() ? "" : ", ") + other->name;
    }
    return failure(EBUSY, f->name + " is needed by " + names);
  }
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
  if (!reason.empty())
    f->reason = std::move(reason);
}

result<void> loader::unload(std::int32_t id, int how, std::int64_t timeout_ns) {
  if (how != KHELP_UNLOAD_REFUSE && how != KHELP_UNLOAD_WAIT && how != KHELP_UNLOAD_REVOKE)
    return failure(EINVAL, "unknown way to unload");
  const bool in_hook = inside_section();
  if (in_hook && how == KHELP_UNLOAD_WAIT)
    return failure(EDEADLK, "a hook would wait for itself");
  if (!in_hook)
    khelp::reap();
  auto claimed = claim(id);
  if (!claimed)
    return std::move(claimed.error());
  const file& f = *claimed;
  const deadline limit(how == KHELP_UNLOAD_WAIT ? timeout_ns : 0);

  try {
    if (auto answer = ask_all(*f, how); !answer) {
      settle(f, KHELP_MODULE_LIVE);
      return answer;
    }
    if (how != KHELP_UNLOAD_WAIT)
      enter_state(f, KHELP_MODULE_GOING);
    if (auto stopped = stop_all(*f, how, limit); !stopped) {
      if (cannot_be_sure(stopped.error())) {
        settle(f, KHELP_MODULE_ZOMBIE, std::move(stopped.error().detail));
        return {};
      }
      settle(f, KHELP_MODULE_LIVE);
      return stopped;
    }
  } catch (...) {
    settle(f, KHELP_MODULE_LIVE);
    throw;
  }
  f->how = how;
  settle(f, KHELP_MODULE_GOING);
  if (!in_hook) {
    reap_one(f);
    unload_unneeded();
  }
  return {};
}

/// Give the code back and see whether the linker took it.
void loader::let_go(const file& f) noexcept {
  f->code.close();
  if (f->code.is_there()) {
    settle(f, KHELP_MODULE_ZOMBIE, std::move(f->if_kept));
  } else {
    f->copy.reset();
    settle(f, KHELP_MODULE_DEAD);
  }
  lock_guard held(mutex_);
  for (const file& below : f->stands_on)
    below->unneeded = --below->dependants == 0 && !below->on_request;
  f->stands_on.clear();
}

/// What was loaded only because others needed it goes with the last of them, unless it is in use.
void loader::unload_unneeded() {
  for (;;) {
    file f;
    {
      lock_guard held(mutex_);
      const auto found = std::find_if(files_.begin(), files_.end(), [](const file& other) {
        return other->unneeded && other->dependants == 0 && other->state == KHELP_MODULE_LIVE;
      });
      if (found == files_.end())
        return;
      f = *found;
      f->unneeded = false;
    }
    try {
      (void)unload(f->id, KHELP_UNLOAD_REFUSE, 0);
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
  {
    lock_guard held(mutex_);
    state = f->state;
    if (f->busy || (state != KHELP_MODULE_GOING && state != KHELP_MODULE_ZOMBIE))
      return true;  // somebody works on it, or there is nothing to do
    f->busy = true;
    f->worker = pthread_self();
  }
  try {
    return state == KHELP_MODULE_ZOMBIE ? bury_zombie(f) : finish(f);
  } catch (...) {
    settle(f, state);
    throw;
  }
}

bool loader::bury_zombie(const file& f) {
  f->code.let_go_again();
  const bool there = f->code.is_there();
  if (!there)
    f->copy.reset();
  settle(f, there ? KHELP_MODULE_ZOMBIE : KHELP_MODULE_DEAD);
  return true;
}

/// The rest of an unload: handlers that had to wait for the end of a hook, then the code.
bool loader::finish(const file& f) {
  if (auto stopped = stop_all(*f, f->how, deadline(0)); !stopped) {
    if (cannot_be_sure(stopped.error()))
      settle(f, KHELP_MODULE_ZOMBIE, std::move(stopped.error().detail));
    else
      settle(f, KHELP_MODULE_LIVE, "it refused to be unloaded: " + stopped.error().detail);
    return true;
  }
  if (!all_gone(*f)) {
    settle(f, KHELP_MODULE_GOING);
    return false;
  }
  let_go(f);
  return true;
}

unsigned loader::reap() {
  if (inside_section())
    return 0;
  std::vector<file> left;
  {
    lock_guard held(mutex_);
    for (const file& f : files_) {
      if (f->state == KHELP_MODULE_GOING || (f->state == KHELP_MODULE_ZOMBIE && !f->kept_for_ever))
        left.push_back(f);
    }
  }
  unsigned waiting = 0;
  for (const file& f : left)
    waiting += !reap_one(f);
  unload_unneeded();
  return waiting;
}

// ---- looking

std::int32_t loader::find(std::string_view module) {
  lock_guard held(mutex_);
  for (const file& f : files_) {
    if (f->state != KHELP_MODULE_LIVE && f->state != KHELP_MODULE_DRAINING)
      continue;
    if (std::find(f->module_names.begin(), f->module_names.end(), module) != f->module_names.end())
      return f->id;
  }
  return -1;
}

std::vector<loader::listing> loader::list() {
  lock_guard held(mutex_);
  std::vector<listing> all;
  for (const file& f : files_) {
    listing line{};
    line.name = f->name;
    line.path = f->path;
    line.reason = f->reason;
    line.info.size = sizeof line.info;
    line.info.id = f->id;
    line.info.state = f->state;
    line.info.version = f->version;
    line.info.references = 1 + f->dependants;
    line.info.permanent = f->permanent;
    line.info.personality = f->personality;
    line.info.bytes = f->bytes;
    const bool mapped = f->started && f->state != KHELP_MODULE_DEAD;
    line.info.base = mapped ? f->code.base() : 0;
    line.info.helper = mapped ? f->modules.front().helper() : 0;
    all.push_back(std::move(line));
  }
  std::erase_if(files_, [](const file& f) { return f->state == KHELP_MODULE_DEAD; });
  return all;
}

// ---- fork

void loader::before_fork() {
  linker_calls::lock();
  mutex_.lock();
}

void loader::after_fork_in_parent() {
  mutex_.unlock();
  linker_calls::unlock();
}

/// Only the forking thread lives on. A turn or a file that another one had in work is lost to it:
/// what it was doing can be neither finished nor undone, so the file stays as it is.
void loader::after_fork_in_child() {
  new (&turn_free_) condition;
  if (turn_taken_ && !pthread_equal(turn_owner_, pthread_self())) {
    turn_taken_ = false;
    turn_depth_ = 0;
  }
  for (const file& f : files_) {
    if (!f->busy || pthread_equal(f->worker, pthread_self()))
      continue;
    f->state = KHELP_MODULE_ZOMBIE;
    f->reason = "its load or unload was cut off by a fork";
  }
  mutex_.unlock();
  linker_calls::unlock();
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
}

}  // namespace khelp
