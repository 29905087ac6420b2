#include "host/mapping.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "base/text.hpp"
#include "host/linker_calls.hpp"

namespace khelp {
namespace {

/// dlerror() without the name that it begins with: a descriptor's number tells nobody anything.
std::string linker_words(const std::string& link_name) {
  const char* words = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
  const std::string_view told = words != nullptr ? words : "the dynamic linker refuses it";
  const std::string prefix = link_name + ": ";
  return std::string(told.starts_with(prefix) ? told.substr(prefix.size()) : told);
}

/// The headers and notes (with the build id) of what is mapped must be those of the checked bytes:
/// the linker compares names first, and may answer with something it has had all along.
bool is_what_was_checked(std::uint64_t base, std::span<const std::byte> checked,
                         const elf_summary& elf) {
  const auto same = [&](const elf_segment& segment, std::uint64_t size) {
    return std::memcmp(reinterpret_cast<const void*>(base + segment.address),
                       checked.data() + segment.offset, size) == 0;
  };
  const std::uint64_t headers = sizeof(ElfW(Ehdr)) + elf.segments.size() * sizeof(ElfW(Phdr));
  for (const elf_segment& segment : elf.segments) {
    if (segment.type == PT_NOTE && !same(segment, segment.file_size))
      return false;
    if (segment.type == PT_LOAD && segment.offset == 0 &&
        !same(segment, std::min(segment.file_size, headers)))
      return false;
  }
  return true;
}

/// Whether something is mapped at this place under this name.
bool is_mapped(const std::string& name, std::uint64_t base) noexcept {
  const linker_calls mine;
  struct search {
    const char* name;
    std::uint64_t base;
  } wanted{name.c_str(), base};
  const auto compare = [](dl_phdr_info* info, std::size_t, void* arg) -> int {
    const search& it = *static_cast<search*>(arg);
    return info->dlpi_addr == it.base && std::strcmp(info->dlpi_name, it.name) == 0;
  };
  return dl_iterate_phdr(compare, &wanted) != 0;
}

/// The linker's record of a file begins with what debuggers read (r_debug, <link.h>). The name's
/// characters are the linker's own and long enough: it gets them back as they lie. Under the lock of
/// dl_iterate_phdr(3), so that nobody who walks the files reads half a name.
void show_as(link_map& map, const std::string& name) noexcept {
  struct change {
    char* characters;
    const std::string& name;
  } wanted{map.l_name, name};
  const auto write = [](dl_phdr_info*, std::size_t, void* arg) -> int {
    const change& it = *static_cast<change*>(arg);
    std::memcpy(it.characters, it.name.c_str(), it.name.size() + 1);
    return 1;
  };
  dl_iterate_phdr(write, &wanted);
}

/// Whether the linker has something under this name: it would answer with that.
bool is_taken(const std::string& name) noexcept {
  void* const old = dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (old != nullptr)
    dlclose(old);
  return old != nullptr;
}

/// One of the ways to write a path: "./" may stand before its last part as often as one likes.
std::string spelled(const std::string& path, unsigned spelling) {
  std::string name = path;
  for (const std::size_t folders = path.rfind('/') + 1; spelling > 0; spelling--)
    name.insert(folders, "./");
  return name;
}

}  // namespace

result<void> mapping::find_names(const mapping_request& request,
                                 std::span<const std::byte> checked) {
  if (request.by_path) {
    opened_name_ = shown_name_ = request.full_path;
    return {};
  }
  auto copy = seal_copy(checked, request.copy_name);
  if (!copy)
    return std::move(copy.error());
  copy_ = std::move(*copy);
  shown_name_ = spelled(request.full_path, request.spelling);
  opened_name_ = copy_.unused_path(shown_name_.size());
  return {};
}

result<mapping> mapping::open(const mapping_request& request, std::span<const std::byte> checked,
                              const elf_summary& elf) {
  mapping made;
  made.size_ = elf.memory_size;
  if (auto named = made.find_names(request, checked); !named)
    return std::move(named.error());
  const linker_calls mine;
  if (request.by_path && is_taken(made.opened_name_))
    return failure(EEXIST, "the process has this file mapped already");
  made.handle_ = dlopen(made.opened_name_.c_str(), RTLD_NOW | RTLD_LOCAL);
  made.copy_.remove_name();
  if (made.handle_ == nullptr)
    return failure(ENOEXEC, linker_words(made.opened_name_));
  link_map* map = nullptr;
  const bool known = dlinfo(made.handle_, RTLD_DI_LINKMAP, &map) == 0;
  if (known)
    made.base_ = map->l_addr;
  if (!known || !is_what_was_checked(made.base_, checked, elf)) {
    made.close();
    return failure(ENOEXEC, "the dynamic linker mapped another file than the one that was checked");
  }
  if (!request.by_path)
    show_as(*map, made.shown_name_);
  return made;
}

void mapping::close() noexcept {
  const linker_calls mine;
  if (handle_ != nullptr)
    dlclose(handle_);
  handle_ = nullptr;
  copy_.reset();
}

bool mapping::is_there() const noexcept {
  return is_mapped(shown_name_, base_);
}

void mapping::let_go_again() noexcept {
  const linker_calls mine;
  // Its path may lead to something else by now, which the linker would open to look at.
  if (!is_mapped(shown_name_, base_))
    return;
  if (void* handle = dlopen(opened_name_.c_str(), RTLD_NOW | RTLD_NOLOAD))
    dlclose(handle);
}

std::optional<symbol_place> find_global_symbol(const char* symbol) noexcept {
  void* const address = dlsym(RTLD_DEFAULT, symbol);
  if (address == nullptr)
    return std::nullopt;
  Dl_info info;
  void* entry = nullptr;
  const bool known = dladdr1(address, &info, &entry, RTLD_DL_SYMENT) != 0 && entry != nullptr &&
                     info.dli_saddr == address;
  return symbol_place{address, known ? static_cast<const ElfW(Sym)*>(entry)->st_size : 0};
}

bool mapping::is_library(const std::string& name) const noexcept {
  const linker_calls mine;
  void* const found = dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (found != nullptr)
    dlclose(found);
  return found != nullptr && found == handle_;
}

bool mapping::contains(const void* address, std::size_t size) const noexcept {
  const auto at = reinterpret_cast<std::uint64_t>(address);
  return at >= base_ && at - base_ <= size_ && size <= size_ - (at - base_);
}

}  // namespace khelp
