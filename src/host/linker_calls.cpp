#include "host/linker_calls.hpp"

#include <cstdint>
#include <link.h>
#include <sys/auxv.h>
#include <unwind.h>

#include "base/deadline.hpp"
#include "sync/event_count.hpp"
#include "sync/mutex.hpp"

namespace khelp {
namespace {

/// How long a fork waits for constructors and destructors that run in other threads.
constexpr std::int64_t longest_wait_of_a_fork_ns = 2'000'000'000;

mutex inside_mutex;  // held over a fork: nobody enters meanwhile
event_count left_the_linker;
unsigned inside KHELP_GUARDED_BY(inside_mutex) = 0;           // calls, of all threads
unsigned waiting_forks KHELP_GUARDED_BY(inside_mutex) = 0;    // for calls to end
bool whole KHELP_GUARDED_BY(inside_mutex) = true;             // linker_is_whole()
bool cut_off_by_fork KHELP_GUARDED_BY(inside_mutex) = false;  // the child of this fork is not whole
thread_local unsigned inside_by_me = 0;

/// Where the dynamic linker's own code lies.
struct linker_code {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool contains(std::uint64_t address) const { return address >= begin && address < end; }
};

linker_code find_linker_code() noexcept {
  linker_code code;
  code.begin = getauxval(AT_BASE);
  if (code.begin == 0)
    return {};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* arg) -> int {
        linker_code& it = *static_cast<linker_code*>(arg);
        if (info->dlpi_addr != it.begin)
          return 0;
        for (int i = 0; i < info->dlpi_phnum; i++) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type == PT_LOAD &&
              info->dlpi_addr + segment.p_vaddr + segment.p_memsz > it.end)
            it.end = info->dlpi_addr + segment.p_vaddr + segment.p_memsz;
        }
        return 1;
      },
      &code);
  return code;
}

// Found while there is one thread: whoever asks later would hold the lock of dl_iterate_phdr(3), which
// the child of a fork would find taken for ever.
const linker_code linker = find_linker_code();

}  // namespace

linker_calls::linker_calls() noexcept {
  lock_guard held(inside_mutex);
  inside++;
  inside_by_me++;
}

linker_calls::~linker_calls() {
  bool awaited = false;
  {
    lock_guard held(inside_mutex);
    inside--;
    inside_by_me--;
    awaited = waiting_forks != 0;
  }
  if (awaited)
    left_the_linker.notify();
}

/// A thread that has the dynamic linker's lock itself (it forks in a constructor) need not wait:
/// those who are inside wait for that lock, and have changed nothing yet.
void linker_calls::before_fork() noexcept KHELP_NO_TSA {
  const deadline limit(longest_wait_of_a_fork_ns);
  inside_mutex.lock();
  waiting_forks++;
  for (;;) {
    const std::uint32_t ticket = left_the_linker.ticket();
    const bool free = inside == inside_by_me || called_by_linker();
    if (free || limit.has_passed()) {
      cut_off_by_fork = !free;
      waiting_forks--;
      return;
    }
    inside_mutex.unlock();
    left_the_linker.wait(ticket, limit.left_ns());
    inside_mutex.lock();
  }
}

void linker_calls::after_fork_in_parent() noexcept KHELP_NO_TSA {
  inside_mutex.unlock();
}

void linker_calls::after_fork_in_child() noexcept KHELP_NO_TSA {
  inside = inside_by_me;
  waiting_forks = 0;
  whole = whole && !cut_off_by_fork;
  inside_mutex.unlock();
}

bool linker_is_whole() noexcept {
  lock_guard held(inside_mutex);
  return whole;
}

/// Frames of the dynamic linker with a caller outside: dlopen(3) or dlclose(3). At the start of a
/// program and of constructors before main() its frames are the outermost ones.
bool called_by_linker() noexcept {
  struct walk {
    bool inside = false;
    bool found = false;
  } search;
  if (linker.end == 0)
    return false;
  const auto look = [](_Unwind_Context* frame, void* arg) -> _Unwind_Reason_Code {
    walk& it = *static_cast<walk*>(arg);
    const std::uint64_t address = _Unwind_GetIP(frame);
    if (address == 0)
      return _URC_END_OF_STACK;
    const bool is_linkers = linker.contains(address);
    it.found = it.inside && !is_linkers;
    it.inside = is_linkers;
    return it.found ? _URC_END_OF_STACK : _URC_NO_REASON;
  };
  _Unwind_Backtrace(look, &search);
  return search.found;
}

}  // namespace khelp
