#include "sync/thread_record.hpp"

#include <cerrno>
#include <mutex>
#include <new>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace khelp {

namespace {
const char always_in_use = 0;
constinit thread_record no_record{.sections = {{.point = &always_in_use}}};
}  // namespace

__thread thread_record* this_record = nullptr;
__thread thread_record* straight_record = &no_record;

namespace {

std::atomic<thread_record*> records{nullptr};
pthread_key_t end_key;
bool end_key_made = false;
std::once_flag end_key_once;
std::atomic<void (*)(thread_record&)> end_hooks[4];

void set_this_record(thread_record* record) noexcept {
  this_record = record;
  const bool straight = record != nullptr && decide_barrier_mode() == barrier_mode::membarrier;
  straight_record = straight ? record : &no_record;
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

// Our number on somebody's record: its thread died without a word and we inherited the number.
thread_record* take_inherited(pid_t tid) noexcept {
  for (thread_record* r = records.load(std::memory_order_acquire); r != nullptr; r = r->next) {
    if (r->tid.load(std::memory_order_acquire) != tid)
      continue;
    clear(*r);
    return r;
  }
  return nullptr;
}

thread_record* take_free(pid_t tid) noexcept {
  for (thread_record* r = records.load(std::memory_order_acquire); r != nullptr; r = r->next) {
    pid_t holder = r->tid.load(std::memory_order_relaxed);
    if (holder == 0 && r->tid.compare_exchange_strong(holder, tid, std::memory_order_acq_rel))
      return r;
  }
  return nullptr;
}

thread_record* map_new(pid_t tid) noexcept {
  constexpr std::size_t bytes =
      thread_record::cells_at +
      sizeof(std::uint64_t) * counter_cells * static_cast<std::size_t>(counter_blocks);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  auto* record = new (memory) thread_record;
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
  if (record == nullptr)
    record = take_free(tid);
  if (record == nullptr)
    record = map_new(tid);
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

bool thread_is_dead(pid_t tid) noexcept {
  const int saved = errno;
  const bool dead = syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH;
  errno = saved;
  return dead;
}

bool owner_is_dead(const thread_record& record) noexcept {
  const pid_t tid = record.tid.load(std::memory_order_acquire);
  return tid == 0 || thread_is_dead(tid);
}

void free_if_owner_died(thread_record& record, bool (*is_dead)(pid_t tid)) noexcept {
  pid_t tid = record.tid.load(std::memory_order_acquire);
  if (tid <= 0 || !is_dead(tid) ||
      !record.tid.compare_exchange_strong(tid, nobody, std::memory_order_acq_rel))
    return;
  // A new thread of the same number may have been quicker. From here on none can be: asked again.
  if (is_dead(tid)) {
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
  if (this_record != nullptr)
    this_record->tid.store(current_tid(), std::memory_order_relaxed);
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    if (r == this_record || r->tid.load(std::memory_order_relaxed) == 0)
      continue;
    give_back(*r);
  }
}

}  // namespace khelp
