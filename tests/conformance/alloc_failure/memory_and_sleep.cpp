// Typed memory, words to the log, processes, sleeping and mutexes.
#include <cerrno>
#include <ctime>
#include <unistd.h>
#include <vector>

#include <khelp/log.h>
#include <khelp/malloc.h>
#include <khelp/proc.h>
#include <khelp/sleep.h>

#include "alloc_failing.hpp"
#include "fixtures.hpp"

namespace alloc {
namespace {

void* item = nullptr;
khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
khelp_malloc_type memory KHELP_MALLOC_TYPE_INITIALIZER("a type", "of the test");
khelp_proc* proc = nullptr;
constexpr int no_wait = KHELP_M_NOWAIT;
/// A sink for the last words: they came, so all that is asked of them is done.
void end_well(void*, int, const char*) {
  _exit(disarm() == 0 ? not_that_many : 0);
}
void make_memory() {
  item = khelp_malloc(100, &memory, no_wait);
  demand(item != nullptr, "a block");
}
void end_memory() {
  khelp_free(item, &memory);
  item = nullptr;
  khelp_malloc_type_end(&memory);
}
void make_proc() {
  proc = khelp_proc_find(getppid());
  demand(proc != nullptr, "a process");
}
void end_proc() {
  khelp_proc_rele(proc);
  proc = nullptr;
}

}  // namespace

std::vector<row> rows_of_memory_and_sleep() {
  return {
      // typed memory, processes
      {"khelp_malloc", nothing, [] { return made(item = khelp_malloc(100, &memory, no_wait)); },
       end_memory},
      {"khelp_mallocarray", nothing,
       [] { return made(item = khelp_mallocarray(10, 10, &memory, no_wait)); }, end_memory},
      {"khelp_realloc", make_memory,
       [] {
         void* moved = khelp_realloc(item, 100000, &memory, no_wait);
         if (moved != nullptr)
           item = moved;
         return made(moved);
       },
       end_memory},
      {"khelp_reallocf", make_memory,
       [] { return made(item = khelp_reallocf(item, 100000, &memory, no_wait)); }, end_memory},
      {"khelp_free", make_memory,
       [] {
         khelp_free(item, &memory);
         item = nullptr;
         return 0;
       },
       end_memory},
      {"khelp_zfree", make_memory,
       [] {
         khelp_zfree(item, &memory);
         item = nullptr;
         return 0;
       },
       end_memory},
      {"khelp_malloc_usable_size",
       make_memory,
       [] { return khelp_malloc_usable_size(item) == 100 ? 0 : silent; },
       end_memory,
       {},
       reason_word_only},
      {"khelp_malloc_type_end",
       make_memory,
       [] {
         khelp_free(item, &memory);
         item = nullptr;
         khelp_malloc_type_end(&memory);
         return 0;
       },
       end_memory,
       {},
       "gives memory back"},
      {"khelp_malloc_numbered",
       nothing,
       [] { return made(khelp_malloc_numbered(80)); },
       nothing,
       {},
       reason_static},
      {"khelp_malloc_set_debug",
       nothing,
       [] {
         khelp_malloc_set_debug(0);
         return 0;
       },
       nothing,
       {},
       reason_static},
      {"khelp_malloc_stats", make_memory,
       [] { return khelp_malloc_stats([](void*, const khelp_malloc_stat*) {}, nullptr); },
       end_memory},
      {"khelp_malloc_type_stat",
       make_memory,
       [] {
         khelp_malloc_stat stat;
         khelp_malloc_type_stat(&memory, &stat);
         return stat.in_use == 1 ? 0 : silent;
       },
       end_memory,
       {},
       reason_word_only},
      {"khelp_panic",
       [] { demand(khelp_log_set_sink(end_well, nullptr) == 0, "a sink"); },
       [] {
         khelp_panic("words");
         return silent;
       },
       nothing,
       {},
       "formats on its stack"},
      {"khelp_printf",
       nothing,
       [] {
         khelp_printf("words\n");
         return 0;
       },
       nothing,
       {},
       "formats on its stack"},
      {"khelp_proc_self",
       nothing,
       [] { return made(khelp_proc_self()); },
       nothing,
       {},
       "the object is always there"},
      {"khelp_proc_find", nothing, [] { return made(proc = khelp_proc_find(getppid())); },
       end_proc},
      {"khelp_proc_rele",
       make_proc,
       [] {
         khelp_proc_rele(proc);
         proc = nullptr;
         return 0;
       },
       end_proc,
       {},
       "gives memory back"},
      {"khelp_proc_exiting", make_proc, [] { return khelp_proc_exiting(proc); }, end_proc},
      {"khelp_proc_is64bit", make_proc, [] { return khelp_proc_is64bit(proc) == 1 ? 0 : silent; },
       end_proc},
      {"khelp_proc_suser",
       make_proc,
       [] { return khelp_proc_suser(proc) == 0 || geteuid() != 0 ? 0 : EPERM; },
       end_proc,
       {EPERM}},
      {"khelp_proc_used_privilege",
       make_proc,
       [] { return khelp_proc_used_privilege(proc); },
       end_proc,
       {},
       reason_word_only},
      {"khelp_proc_pid",
       make_proc,
       [] { return khelp_proc_pid(proc) == getppid() ? 0 : silent; },
       end_proc,
       {},
       reason_word_only},
      {"khelp_proc_ppid", make_proc,
       [] {
         khelp_proc_ppid(proc);
         return 0;
       },
       end_proc},
      {"khelp_proc_name", make_proc,
       [] {
         char name[16];
         khelp_proc_name(proc, name, sizeof name);
         return 0;
       },
       end_proc},
      // sleep queues
      {"khelp_msleep", [] { demand(khelp_mutex_lock(&mutex) == 0, "a mutex"); },
       [] {
         const timespec moment{0, 1};
         return khelp_msleep(&marks, &mutex, 0, "test", &moment) == EWOULDBLOCK ? 0 : silent;
       },
       [] { khelp_mutex_unlock(&mutex); }},
      {"khelp_sleep", nothing,
       [] {
         const timespec moment{0, 1};
         const int answer = khelp_sleep(&marks, nullptr, KHELP_SLEEP_PCATCH, "test", &moment);
         return answer == EWOULDBLOCK ? 0 : silent;
       },
       nothing},
      {"khelp_wake_sleepers",
       nothing,
       [] { return static_cast<int>(khelp_wake_sleepers(&marks, 1)); },
       nothing,
       {},
       "takes sleepers out of a queue"},
      {"khelp_sleep_counts",
       nothing,
       [] { return static_cast<int>(khelp_wakeup(&marks)); },
       nothing,
       {},
       "is no function"},
      {"khelp_sleep_list", nothing,
       [] { return khelp_sleep_list([](void*, const khelp_sleeper*) {}, nullptr); }, nothing},
      {"khelp_sleep_total",
       nothing,
       [] {
         khelp_sleep_totals totals{};
         totals.size = sizeof totals;
         return khelp_sleep_total(&totals);
       },
       nothing,
       {},
       reason_word_only},
      {"khelp_mutex_lock",
       nothing,
       [] { return khelp_mutex_lock(&mutex); },
       [] { khelp_mutex_unlock(&mutex); },
       {},
       reason_mutex},
      {"khelp_mutex_try_lock",
       nothing,
       [] { return khelp_mutex_try_lock(&mutex); },
       [] { khelp_mutex_unlock(&mutex); },
       {},
       reason_mutex},
      {"khelp_mutex_unlock",
       [] { khelp_mutex_lock(&mutex); },
       [] { return khelp_mutex_unlock(&mutex); },
       nothing,
       {},
       reason_mutex},
      {"khelp_mutex_held",
       nothing,
       [] { return khelp_mutex_held(&mutex); },
       nothing,
       {},
       reason_mutex},
  };
}

}  // namespace alloc
