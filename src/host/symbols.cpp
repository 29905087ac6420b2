#include "host/symbols.hpp"

#include <algorithm>
#include <dlfcn.h>

#include "host/linker_calls.hpp"

namespace khelp {
namespace {

bool library_defines(const std::string& library, const char* symbol) {
  void* const handle = dlopen(library.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr)
    return false;
  const bool defined = dlsym(handle, symbol) != nullptr;
  dlclose(handle);
  return defined;
}

}  // namespace

std::vector<std::string> undefined_symbols(const elf_summary& elf) {
  const linker_calls mine;
  std::vector<std::string> undefined;
  for (const std::string& symbol : elf.imports) {
    const bool defined = dlsym(RTLD_DEFAULT, symbol.c_str()) != nullptr ||
                         std::any_of(elf.needed.begin(), elf.needed.end(), [&](const auto& name) {
                           return library_defines(name, symbol.c_str());
                         });
    if (!defined)
      undefined.push_back(symbol);
  }
  return undefined;
}

}  // namespace khelp
