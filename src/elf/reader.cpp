#include "elf/reader.hpp"

#include <algorithm>
#include <cerrno>
#include <elf.h>
#include <new>

#include "elf/image.hpp"

namespace khelp {

namespace elf {

const Elf64_Phdr* image::load_in_memory(std::uint64_t address, std::uint64_t size) const {
  for (const Elf64_Phdr& load : loads) {
    if (address >= load.p_vaddr && address - load.p_vaddr <= load.p_memsz &&
        size <= load.p_memsz - (address - load.p_vaddr))
      return &load;
  }
  return nullptr;
}

std::optional<std::uint64_t> image::place(std::uint64_t address, std::uint64_t size) const {
  const Elf64_Phdr* load = load_in_memory(address, size);
  if (load == nullptr || (load->p_flags & PF_R) == 0)
    return std::nullopt;
  const std::uint64_t inside = address - load->p_vaddr;
  if (inside > load->p_filesz || size > load->p_filesz - inside)
    return std::nullopt;
  return load->p_offset + inside;
}

std::optional<std::uint64_t> image::value_of(std::int64_t tag) const {
  for (const Elf64_Dyn& entry : dynamic) {
    if (entry.d_tag == tag)
      return entry.d_un.d_val;
  }
  return std::nullopt;
}

namespace {

void judge(image& elf) {
  if (!read_header(elf))
    return;
  const bool segments_known = read_segments(elf);
  read_sections(elf);
  if (holds_debugging_information_only(elf)) {
    elf.report.problems.clear();  // all of them come from that
    return elf.problem(
        "it holds debugging information only (objcopy --only-keep-debug): load the "
        "file that it was made from");
  }
  check_extent(elf);
  if (!segments_known)
    return;
  read_notes(elf);
  if (!read_dynamic(elf))
    return;
  read_needed(elf);
  check_hash(elf);
  check_versions(elf);  // symbols are known by them
  check_symbols(elf);
  check_relocations(elf);
  check_functions(elf);
}

}  // namespace

}  // namespace elf

result<elf_report> read_elf(std::span<const std::byte> file) noexcept {
  try {
    elf::image elf(file);
    elf::judge(elf);
    return std::move(elf.report);
  } catch (const std::bad_alloc&) {
    return failure(ENOMEM);
  }
}

bool stands_for(std::string_view pattern, std::string_view name) noexcept {
  if (!pattern.ends_with('*'))
    return name == pattern;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

bool exports(const std::vector<elf_export>& among, std::string_view symbol) noexcept {
  return std::any_of(among.begin(), among.end(),
                     [&](const elf_export& other) { return other.name == symbol; });
}

const elf_section* find_section(const elf_summary& summary, std::string_view name) noexcept {
  const auto wanted = [&](const elf_section& section) {
    return section.type != SHT_NOBITS && section.name == name;
  };
  const auto first = std::find_if(summary.sections.begin(), summary.sections.end(), wanted);
  if (first == summary.sections.end())
    return nullptr;
  if (std::any_of(first + 1, summary.sections.end(), wanted))
    return nullptr;
  return &*first;
}

std::span<const std::byte> section_bytes(std::span<const std::byte> file,
                                         const elf_section& section) noexcept {
  return file.subspan(section.offset, section.size);
}

}  // namespace khelp
