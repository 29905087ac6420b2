#include "sync/thread_record.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <mutex>
#include <new>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cancellation.hpp"
#include "base/kept_errno.hpp"

namespace khelp {

namespace {
const char always_in_use = 0;
constinit thread_record no_record{.sections = {{.point = &always_in_use}}};
}  // namespace

__thread thread_record* this_record = nullptr;
__thread thread_record* counting_record = nullptr;
__thread thread_record* fast_record = &no_record;

namespace {

std::atomic<thread_record*> records{nullptr};
pthread_key_t end_key;
bool end_key_made = false;
std::once_flag end_key_once;
std::atomic<void (*)(thread_record&)> end_hooks[4];

void set_this_record(thread_record* record) noexcept {
  this_record = record;
  const bool counts = record != nullptr && record->has_cells;
  const bool takes_fast_path = counts && decide_barrier_mode() == barrier_mode::membarrier;
  fast_record = takes_fast_path ? record : &no_record;
  counting_record = counts ? record : nullptr;
}

pid_t current_tid() noexcept {
  return static_cast<pid_t>(syscall(SYS_gettid));
}

void close_sections(thread_record& record) noexcept {
  for (open_section& section : record.sections) {
    section.set.store(nullptr, std::memory_order_release);
    section.object.store(nullptr, std::memory_order_release);
    section.point.store(nullptr, std::memory_order_release);
  }
}

// As if nobody had ever had it, but for its counters. Whoever does this is the only one: its number
// keeps others away.
void clear(thread_record& record) noexcept {
  close_sections(record);
  record.attention.store(0, std::memory_order_relaxed);
  for (auto& seen : record.first_seen)
    seen.store(0, std::memory_order_relaxed);
  record.passing.store(0, std::memory_order_relaxed);
}

// Nobody's number: a record that has it is neither free nor found by its number.
constexpr pid_t nobody = -1;

void give_back(thread_record& record) noexcept {
  clear(record);
  record.tid.store(0, std::memory_order_release);
}

// Runs as a thread-specific destructor. A later destructor of the thread may run hooks: it enrols
// anew and this is called again.
void thread_ends(void* value) {
  auto* record = static_cast<thread_record*>(value);
  for (auto& hook : end_hooks) {
    if (auto* fn = hook.load(std::memory_order_acquire))
      fn(*record);
  }
  // A signal handler that comes in between may enrol anew: it must not find this one by its number.
  record->tid.store(nobody, std::memory_order_relaxed);
  set_this_record(nullptr);
  give_back(*record);
}

// The clock of a thread's start in /proc, which counts ticks of 10 ms.
std::int64_t boot_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// When a thread of this process began, rounded down to a tick; 0: not known (there is no /proc).
std::int64_t began_ns(pid_t tid) noexcept {
  char path[48];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0;
  char text[512];
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  text[std::max<ssize_t>(length, 0)] = '\0';
  // The name, in parentheses, may be anything. Behind it the third field; the start is the 22nd.
  const char* field = std::strrchr(text, ')');
  for (int i = 2; field != nullptr && i < 22; ++i)
    field = std::strchr(field + 1, ' ');
  if (field == nullptr)
    return 0;
  const long ticks_per_second = sysconf(_SC_CLK_TCK);
  return std::strtoll(field, nullptr, 10) * (1'000'000'000 / std::max(ticks_per_second, 1L));
}

// Take a record from its holder, which may be nobody (0).
bool take_from(thread_record& record, pid_t holder, pid_t tid) noexcept {
  if (!record.tid.compare_exchange_strong(holder, nobody, std::memory_order_acq_rel))
    return false;
  record.taken_ns.store(boot_ns(), std::memory_order_relaxed);
  clear(record);
  record.tid.store(tid, std::memory_order_release);
  return true;
}

// Our number on somebody's record: its thread died without a word and we inherited the number.
thread_record* take_inherited(pid_t tid) noexcept {
  for (thread_record* r = records.load(std::memory_order_acquire); r != nullptr; r = r->next) {
    if (r->tid.load(std::memory_order_acquire) == tid && take_from(*r, tid, tid))
      return r;
  }
  return nullptr;
}

thread_record* take_free(pid_t tid, bool with_cells) noexcept {
  for (thread_record* r = records.load(std::memory_order_acquire); r != nullptr; r = r->next) {
    if (r->tid.load(std::memory_order_relaxed) == 0 && r->has_cells == with_cells &&
        take_from(*r, 0, tid))
      return r;
  }
  return nullptr;
}

thread_record* map_new(pid_t tid, bool with_cells) noexcept {
  const std::size_t cells =
      sizeof(std::uint64_t) * counter_cells * static_cast<std::size_t>(counter_blocks);
  void* memory = mmap(nullptr, thread_record::cells_at + (with_cells ? cells : 0),
                      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  auto* record = new (memory) thread_record;
  record->has_cells = with_cells;
  record->taken_ns.store(boot_ns(), std::memory_order_relaxed);
  record->tid.store(tid, std::memory_order_relaxed);
  thread_record* head = records.load(std::memory_order_relaxed);
  do {
    record->next = head;
  } while (!records.compare_exchange_weak(head, record, std::memory_order_release,
                                          std::memory_order_relaxed));
  return record;
}

}  // namespace

thread_record* enrol() noexcept {
  if (this_record != nullptr)
    return this_record;
  decide_barrier_mode();
  std::call_once(end_key_once,
                 [] { end_key_made = pthread_key_create(&end_key, thread_ends) == 0; });
  if (!end_key_made)
    return nullptr;
  const int saved = errno;
  const pid_t tid = current_tid();
  thread_record* record = take_inherited(tid);
  // Counters take megabytes of addresses, sections a page: a limit that has room for the page alone (ulimit
  // -v, vm.overcommit_memory=2) does not make every run of the thread deep.
  for (const bool with_cells : {true, false}) {
    if (record == nullptr)
      record = take_free(tid, with_cells);
    if (record == nullptr)
      record = map_new(tid, with_cells);
  }
  if (record != nullptr && pthread_setspecific(end_key, record) != 0) {
    give_back(*record);
    record = nullptr;
  }
  set_this_record(record);
  errno = saved;
  return record;
}

thread_record* first_record() noexcept {
  return records.load(std::memory_order_acquire);
}

bool thread_is_dead(pid_t tid, std::int64_t after_ns) noexcept {
  const kept_errno as_it_was;
  const no_cancellation later;
  if (syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH)
    return true;
  return began_ns(tid) > after_ns;
}

bool owner_is_dead(const thread_record& record) noexcept {
  const pid_t tid = record.tid.load(std::memory_order_acquire);
  return tid == 0 || (tid > 0 && thread_is_dead(tid, record.taken_ns));
}

void free_if_owner_died(thread_record& record, bool (*is_dead)(pid_t, std::int64_t)) noexcept {
  pid_t tid = record.tid.load(std::memory_order_acquire);
  if (tid <= 0 || !is_dead(tid, record.taken_ns) ||
      !record.tid.compare_exchange_strong(tid, nobody, std::memory_order_acq_rel))
    return;
  // A new thread of the same number may have been quicker. From here on none can be: asked again.
  if (is_dead(tid, record.taken_ns)) {
    give_back(record);
    return;
  }
  // It may have ended as well, and have given it back.
  pid_t still = nobody;
  record.tid.compare_exchange_strong(still, tid, std::memory_order_acq_rel);
}

void at_thread_end(void (*fn)(thread_record&)) noexcept {
  for (auto& hook : end_hooks) {
    void (*expected)(thread_record&) = nullptr;
    if (hook.compare_exchange_strong(expected, fn, std::memory_order_acq_rel) || expected == fn)
      return;
  }
}

void records_after_fork() noexcept {
  if (this_record != nullptr) {
    this_record->taken_ns.store(boot_ns(), std::memory_order_relaxed);
    this_record->tid.store(current_tid(), std::memory_order_relaxed);
  }
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    if (r == this_record || r->tid.load(std::memory_order_relaxed) == 0)
      continue;
    give_back(*r);
  }
}

}  // namespace khelp
