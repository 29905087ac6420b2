#include "host/symbols.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <link.h>

#include <khelp/error.h>

#include "base/text.hpp"
#include "host/linker_calls.hpp"

namespace khelp {
namespace {

/// A library that is mapped, for as long as this lives.
class mapped_library {
 public:
  explicit mapped_library(const std::string& name)
      : handle_(dlopen(name.c_str(), RTLD_LAZY | RTLD_NOLOAD)) {}
  mapped_library(const mapped_library&) = delete;
  mapped_library& operator=(const mapped_library&) = delete;
  ~mapped_library() {
    if (handle_ != nullptr)
      dlclose(handle_);
  }

  explicit operator bool() const { return handle_ != nullptr; }
  void* handle() const { return handle_; }

  /// Also where it offers no versions at all: the dynamic linker asks no more then.
  bool offers(const std::string& version) const {
    link_map* map = nullptr;
    if (dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0)
      return true;
    const ElfW(Verdef)* definition = at<ElfW(Verdef)>(*map, DT_VERDEF);
    const char* const strings = at<char>(*map, DT_STRTAB);
    if (definition == nullptr || strings == nullptr)
      return true;
    for (;;) {
      const auto* const bytes = reinterpret_cast<const char*>(definition);
      const auto* const name = reinterpret_cast<const ElfW(Verdaux)*>(bytes + definition->vd_aux);
      if (version == strings + name->vda_name)
        return true;
      if (definition->vd_next == 0)
        return false;
      definition = reinterpret_cast<const ElfW(Verdef)*>(bytes + definition->vd_next);
    }
  }

 private:
  /// The linker adds the base to some entries of the dynamic section, and not to others.
  template <class T>
  static const T* at(const link_map& map, std::int64_t tag) {
    for (const ElfW(Dyn)* entry = map.l_ld; entry->d_tag != DT_NULL; entry++) {
      if (entry->d_tag != tag)
        continue;
      const ElfW(Addr) address = entry->d_un.d_ptr;
      return reinterpret_cast<const T*>(address < map.l_addr ? map.l_addr + address : address);
    }
    return nullptr;
  }

  void* handle_;
};

/// Old versions of a symbol are found only by their name.
bool defines(void* handle, const elf_import& symbol, const elf_summary& elf) {
  if (dlsym(handle, symbol.name.c_str()) != nullptr)
    return true;
  return symbol.version != 0 && dlvsym(handle, symbol.name.c_str(),
                                       elf.versions[symbol.version - 1].name.c_str()) != nullptr;
}

/// The linker's own text: it stays as long as this library does.
const char* find_own_file() noexcept {
  Dl_info info;
  const bool found =
      dladdr(reinterpret_cast<void*>(&is_mapped_library), &info) != 0 && info.dli_fname != nullptr;
  return found ? info.dli_fname : "this library";
}

// Found while this library is loaded: later the dynamic linker would walk all its symbols each time.
const char* const own_file = find_own_file();

}  // namespace

bool is_mapped_library(const std::string& name) {
  const linker_calls mine;
  return static_cast<bool>(mapped_library(name));
}

process_answer ask_process(const elf_summary& elf) {
  const linker_calls mine;
  process_answer answer;
  std::deque<mapped_library> libraries;
  for (const std::string& name : elf.needed) {
    if (!libraries.emplace_back(name))
      answer.absent.push_back(name);
  }
  for (const elf_version& version : elf.versions) {
    const mapped_library& library = libraries[version.library];
    if (library && !library.offers(version.name))
      answer.missing_versions.push_back(concat(elf.needed[version.library], ": ", version.name));
  }
  for (const elf_import& symbol : elf.imports) {
    const bool defined =
        defines(RTLD_DEFAULT, symbol, elf) ||
        std::any_of(libraries.begin(), libraries.end(), [&](const mapped_library& library) {
          return library && defines(library.handle(), symbol, elf);
        });
    if (!defined)
      answer.undefined.push_back(symbol.name);
  }
  return answer;
}

/// What a function answers tells the copies apart; its address may be that of a program's own entry
/// for it. The words of this thread are this copy's alone. RTLD_DEFAULT would find this library's own
/// symbols first (-Bsymbolic).
std::string other_copy_called() {
  const linker_calls mine;
  const mapped_library program("");
  void* const found = program ? dlsym(program.handle(), "khelp_failure_text") : nullptr;
  if (found == nullptr ||
      reinterpret_cast<decltype(&khelp_failure_text)>(found)() == khelp_failure_text())
    return {};
  Dl_info info;
  return dladdr(found, &info) != 0 ? info.dli_fname : "another file";
}

std::string_view own_path() noexcept {
  return own_file;
}

}  // namespace khelp
