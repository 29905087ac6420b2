// Processes as objects. The one for this process is always there; others are made when asked for.
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <unistd.h>

#include <khelp/proc.h>

#include "base/failure_text.hpp"
#include "sync/mutex.hpp"
#include "utilities/proc_fork.hpp"
#include "utilities/procfs.hpp"

struct khelp_proc {
  std::atomic<pid_t> pid{0};
  std::uint64_t started = 0;  // constant; not for this process
  std::atomic<bool> used_privilege{false};
  unsigned references = 0;     // procs_mutex
  khelp_proc* next = nullptr;  // procs_mutex
};

namespace khelp {
namespace {

mutex procs_mutex;  // a leaf; held over no look at procfs
khelp_proc* others KHELP_GUARDED_BY(procs_mutex) = nullptr;
constinit khelp_proc this_process;
std::atomic<bool> exiting{false};

void note_exit() {
  exiting = true;
}

// Exit handlers run latest first: the sooner ours is registered, the later it runs.
khelp_proc& self() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    this_process.pid = getpid();
    std::atexit(note_exit);
  });
  return this_process;
}

bool is_self(const khelp_proc& proc) noexcept {
  return &proc == &this_process;
}

khelp_proc* known(pid_t pid, std::uint64_t started) noexcept KHELP_REQUIRES(procs_mutex) {
  for (khelp_proc* p = others; p != nullptr; p = p->next) {
    if (p->pid == pid && p->started == started)
      return p;
  }
  return nullptr;
}

khelp_proc* refer(pid_t pid, std::uint64_t started) {
  lock_guard held(procs_mutex);
  khelp_proc* proc = known(pid, started);
  if (proc == nullptr) {
    proc = new khelp_proc;
    proc->pid = pid;
    proc->started = started;
    proc->next = others;
    others = proc;
  }
  ++proc->references;
  return proc;
}

void drop(khelp_proc& proc) noexcept {
  {
    lock_guard held(procs_mutex);
    if (--proc.references != 0)
      return;
    khelp_proc** link = &others;
    while (*link != &proc)
      link = &(*link)->next;
    *link = proc.next;
  }
  delete &proc;
}

// What procfs says now; an end when its number is another's by now.
procfs::process look(const khelp_proc& proc) {
  procfs::process found = procfs::look(proc.pid);
  if (!is_self(proc) && found.started != proc.started)
    return {};
  return found;
}

// fn: () -> T. Without memory: `otherwise`, with words.
template <class T, class Fn>
T guarded(T otherwise, Fn fn) noexcept {
  clear_failure_text();
  try {
    return fn();
  } catch (const std::bad_alloc&) {
    set_failure_text("process: no memory");
    return otherwise;
  }
}

}  // namespace

void procs_fork_prepare() KHELP_NO_TSA {
  procs_mutex.lock();
}
void procs_fork_parent() KHELP_NO_TSA {
  procs_mutex.unlock();
}
void procs_fork_child() KHELP_NO_TSA {
  this_process.pid = getpid();
  procs_mutex.unlock();
}

}  // namespace khelp

using namespace khelp;

struct khelp_proc* khelp_proc_self(void) noexcept {
  khelp_proc& me = self();
  return exiting ? nullptr : &me;
}

struct khelp_proc* khelp_proc_find(int pid) {
  if (pid == getpid())
    return &self();
  return guarded<khelp_proc*>(nullptr, [pid]() -> khelp_proc* {
    const procfs::process found = procfs::look(pid);
    if (found.exists)
      return refer(pid, found.started);
    set_failure_text("process: there is none with the number " + std::to_string(pid));
    return nullptr;
  });
}

int khelp_proc_rele(struct khelp_proc* proc) {
  if (proc != nullptr && !is_self(*proc))
    drop(*proc);
  return 0;
}

int khelp_proc_exiting(const struct khelp_proc* proc) {
  if (proc == nullptr)
    return 0;
  if (is_self(*proc))
    return exiting ? 1 : 0;
  return guarded(0, [proc] {
    const procfs::process found = look(*proc);
    return !found.exists || found.ending ? 1 : 0;
  });
}

int khelp_proc_is64bit(const struct khelp_proc* proc) {
  constexpr int same = sizeof(void*) == 8 ? 1 : 0;
  if (proc == nullptr || is_self(*proc))
    return same;
  return guarded(same, [proc] { return procfs::is_64bit(proc->pid) ? 1 : 0; });
}

int khelp_proc_suser(struct khelp_proc* proc) {
  if (proc == nullptr) {
    set_failure_text("process: there is none");
    return EPERM;
  }
  return guarded<int>(EPERM, [proc] {
    const bool super = (is_self(*proc) && geteuid() == 0) ||
                       (look(*proc).exists && procfs::is_super_user(proc->pid));
    if (super)
      proc->used_privilege = true;
    else
      set_failure_text("process: not the super-user");
    return super ? 0 : EPERM;
  });
}

int khelp_proc_used_privilege(const struct khelp_proc* proc) noexcept {
  return proc != nullptr && proc->used_privilege ? 1 : 0;
}

int khelp_proc_pid(const struct khelp_proc* proc) noexcept {
  return proc != nullptr ? proc->pid.load() : -1;
}

int khelp_proc_ppid(const struct khelp_proc* proc) {
  if (proc == nullptr)
    return -1;
  return is_self(*proc) ? getppid() : guarded(0, [proc] { return look(*proc).parent; });
}

void khelp_proc_name(const struct khelp_proc* proc, char* name, size_t size) {
  if (size == 0)
    return;
  name[0] = '\0';
  if (proc == nullptr)
    return;
  guarded(0, [=] {
    const std::string found = look(*proc).name;
    name[found.copy(name, size - 1)] = '\0';
    return 0;
  });
}
