#include "host/own_threads.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <dirent.h>
#include <dlfcn.h>
#include <fstream>
#include <linux/futex.h>
#include <memory>
#include <optional>
#include <pthread.h>
#include <string_view>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/text.hpp"

namespace khelp {
namespace {

/// Memory of this process that may go while it is read: another thread's. How much there is.
std::size_t read_memory(std::uintptr_t address, void* to, std::size_t size) noexcept {
  const iovec local{to, size};
  const iovec remote{reinterpret_cast<void*>(address), size};
  const ssize_t read = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  return read < 0 ? 0 : static_cast<std::size_t>(read);
}

template <class T>
std::optional<T> read_at(std::uintptr_t address) noexcept {
  T value;
  if (read_memory(address, &value, sizeof value) != sizeof value)
    return std::nullopt;
  return value;
}

/// glibc's description of a field for debuggers: its bits, its number, where it lies.
struct field {
  std::uint32_t bits;
  std::uint32_t count;
  std::uint32_t offset;
};

const field* find_field(const char* name) noexcept {
  return static_cast<const field*>(dlvsym(RTLD_DEFAULT, name, "GLIBC_PRIVATE"));
}

/// Where the kernel says that a thread's list of robust mutexes begins; 0: it has none (yet, or any
/// more), or there is no such thread.
std::uintptr_t robust_list_of(pid_t thread) noexcept {
  robust_list_head* head = nullptr;
  std::size_t size = 0;
  if (syscall(SYS_get_robust_list, thread, &head, &size) != 0)
    return 0;
  return reinterpret_cast<std::uintptr_t>(head);
}

/// Where things lie in a thread structure, from its list of robust mutexes.
struct layout {
  std::ptrdiff_t thread = 0;
  std::ptrdiff_t start = 0;
  std::ptrdiff_t argument = 0;
};

bool same_library(const void* a, const void* b) noexcept {
  Dl_info of_a{};
  Dl_info of_b{};
  return dladdr(a, &of_a) != 0 && dladdr(b, &of_b) != 0 && of_a.dli_fbase == of_b.dli_fbase;
}

std::optional<layout> find_layout() noexcept {
  const field* const thread = find_field("_thread_db_pthread_tid");
  const field* const start = find_field("_thread_db_pthread_start_routine");
  const field* const behind = find_field("_thread_db_pthread_eventbuf");
  const void* const create = dlsym(RTLD_DEFAULT, "pthread_create");
  if (thread == nullptr || start == nullptr || behind == nullptr || create == nullptr ||
      !same_library(create, start))
    return std::nullopt;
  // Between a thread's function and what debuggers have behind it is room for its argument alone.
  if (thread->bits != 32 || start->bits != 64 ||
      behind->offset != start->offset + 2 * sizeof(void*))
    return std::nullopt;
  const auto self = static_cast<std::uintptr_t>(pthread_self());
  const std::uintptr_t list = robust_list_of(gettid());
  if (list == 0)
    return std::nullopt;
  const auto base = static_cast<std::ptrdiff_t>(self - list);
  const layout found{base + thread->offset, base + start->offset,
                     base + start->offset + static_cast<std::ptrdiff_t>(sizeof(void*))};
  if (read_at<pid_t>(list + static_cast<std::uintptr_t>(found.thread)) != gettid())
    return std::nullopt;
  return found;
}

/// Constant: asked for when modules are checked or loaded first.
const std::optional<layout>& the_layout() noexcept {
  static const std::optional<layout> found = find_layout();
  return found;
}

using folder = std::unique_ptr<DIR, int (*)(DIR*)>;

folder open_tasks() noexcept {
  return {opendir("/proc/self/task"), closedir};
}

enum class origin { other, module, unknown, over };

/// A function's argument leads into the module if it lies there, or if the object it points to begins
/// with something that does: a table of virtual functions, or the function to call. Four words are the
/// least that malloc(3) gives, its own included: more may be a neighbour's, whose pointers are no sign.
bool argument_leads_into(const module_range& module, std::uintptr_t argument) noexcept {
  if (module.has(reinterpret_cast<const void*>(argument)))
    return true;
  const void* words[4];
  const std::size_t there = read_memory(argument, words, sizeof words) / sizeof words[0];
  return std::any_of(words, words + there, [&](const void* word) { return module.has(word); });
}

origin origin_of(pid_t thread, const module_range& module) noexcept {
  const layout& at = *the_layout();
  const std::uintptr_t list = robust_list_of(thread);
  if (list == 0)
    return origin::unknown;
  const auto where = [&](std::ptrdiff_t offset) {
    return list + static_cast<std::uintptr_t>(offset);
  };
  const auto start = read_at<std::uintptr_t>(where(at.start));
  const auto argument = read_at<std::uintptr_t>(where(at.argument));
  // Read last: what was read before was this thread's if it is this thread's still.
  const auto owner = read_at<pid_t>(where(at.thread));
  if (owner != thread)
    return origin::over;
  if (!start || !argument)
    return origin::unknown;
  return module.has(reinterpret_cast<const void*>(*start)) || argument_leads_into(module, *argument)
             ? origin::module
             : origin::other;
}

bool is_there(pid_t thread) noexcept {
  return syscall(SYS_tgkill, getpid(), thread, 0) == 0;
}

/// A thread that has just been made, or is about to be gone, is not known for a moment.
origin settled_origin_of(pid_t thread, const module_range& module) noexcept {
  constexpr int most_looks = 50;
  for (int i = 0; i < most_looks; i++) {
    const origin found = origin_of(thread, module);
    if (found != origin::unknown)
      return found;
    if (!is_there(thread))
      return origin::over;
    constexpr timespec a_moment{0, 1'000'000};
    nanosleep(&a_moment, nullptr);
  }
  return origin::unknown;
}

std::string name_of(pid_t thread) {
  std::ifstream in(concat("/proc/self/task/", thread, "/comm"));
  std::string name;
  std::getline(in, name);
  return quoted(name);
}

}  // namespace

bool own_threads_are_known() noexcept {
  return the_layout() && open_tasks() != nullptr;
}

unmapping judge_unmapping(const elf_summary& file) {
  unmapping verdict{file.permanent, file.delayed, false};
  if (file.threads.empty())
    return verdict;
  verdict.look_for_threads = own_threads_are_known();
  auto& told = verdict.look_for_threads ? verdict.later : verdict.never;
  told.insert(told.end(), file.threads.begin(), file.threads.end());
  return verdict;
}

std::string threads_of(const module_range& module) {
  const folder tasks = open_tasks();
  if (tasks == nullptr || !the_layout())
    return "the threads of the process cannot be seen";
  std::string words;
  while (const dirent* entry = readdir(tasks.get())) {  // NOLINT(concurrency-mt-unsafe): our own
    const std::string_view number = entry->d_name;
    pid_t thread = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), thread);
    if (read.ec != std::errc())
      continue;
    const origin found = settled_origin_of(thread, module);
    if (found != origin::module && found != origin::unknown)
      continue;
    words += concat(words.empty() ? "" : "; ", "thread ", thread, " ", name_of(thread),
                    found == origin::module ? ", which it started, still runs"
                                            : ", whose start is not known, still runs");
  }
  return words;
}

}  // namespace khelp
