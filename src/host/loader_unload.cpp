// Unloading module files, and finishing what could not be finished at once.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <new>

#include "core/reaper.hpp"
#include "host/loader.hpp"
#include "host/sentence.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

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

void loader::enter_state(const file& f, khelp_module_state state) {
  lock_guard held(mutex_);
  f->state = state;
}

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

}  // namespace khelp
