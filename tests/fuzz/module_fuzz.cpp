// The records of a module file, from arbitrary bytes: a file without problems declares modules
// whose records lie in the file, and names that are names.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "host/module_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = khelp::read_module_file(std::as_bytes(std::span(data, size)));
  if (!file || !file->sound())
    return 0;
  if (file->modules.empty())
    std::abort();
  for (const khelp::declared_module& module : file->modules) {
    if (module.name.empty() || module.name.find('/') != std::string::npos ||
        module.record + sizeof(khelp_modinfo_module) > file->elf.memory_size)
      std::abort();
  }
  const khelp::event_layout none;
  for (const auto& [name, layout] : file->events) {
    if (name.empty() ||
        !khelp::layout_difference(layout, layout).starts_with(layout.size == 0 ? "" : ":"))
      std::abort();
    (void)khelp::layout_difference(none, layout);
    (void)khelp::layout_difference(layout, file->events.front().layout);
  }
  return 0;
}
