#include "host/exit_order.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "host/linker_calls.hpp"

// The C++ ABI has them in the C library, whose headers do not.
extern "C" int __cxa_atexit(void (*function)(void*), void* arg, void* handle);
extern "C" void __cxa_finalize(void* handle);

namespace khelp {
namespace {

void (*exit_function)() noexcept;

// Two handles take turns, so that there is no moment without an entry.
std::byte exit_handles[2];
unsigned entries;  // how often it was registered
__thread bool moves_entry __attribute__((tls_model("initial-exec"))) = false;

void at_exit(void*) {
  if (!moves_entry)
    exit_function();
}

}  // namespace

void set_exit_function(void (*function)() noexcept) noexcept {
  exit_function = function;
  be_first_at_exit();
}

bool may_register_at_exit(const elf_summary& file) {
  const auto may = [](const elf_import& symbol) {
    constexpr std::string_view registering[] = {"__cxa_atexit", "atexit", "on_exit"};
    if (std::find(std::begin(registering), std::end(registering), symbol.name) !=
        std::end(registering))
      return true;
    // The run-time's symbols have versions.
    return symbol.version == 0 && !symbol.name.starts_with("khelp_");
  };
  return !file.beyond_runtime.empty() || std::any_of(file.imports.begin(), file.imports.end(), may);
}

void be_first_at_exit() noexcept {
  // The C library does not bring the lock of its list over a fork: a child of one that did not wait
  // would find it taken for ever.
  const linker_calls no_fork_meanwhile;
  std::byte* const before = &exit_handles[entries % 2];
  std::byte* const next = &exit_handles[(entries + 1) % 2];
  if (__cxa_atexit(at_exit, nullptr, next) != 0)
    return;  // no memory, or all of them have run: the entry before is as good as can be had
  entries++;
  // Takes the entry out by calling it, unless another thread has come to it already.
  moves_entry = true;
  __cxa_finalize(before);
  moves_entry = false;
}

}  // namespace khelp
