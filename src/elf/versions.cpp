#include <algorithm>

#include "elf/image.hpp"

/// Symbol versions. The dynamic linker follows these lists without bounds, stops the process by
/// assertion when a file named here is not among the needed ones, and takes a symbol's version
/// number as an index without looking.

namespace khelp::elf {

namespace {

/// Version numbers have 15 bits; no list can be longer.
constexpr std::uint64_t most_versions = 0x7fff;
constexpr std::uint16_t number_bits = 0x7fff;

struct version_numbers {
  std::uint64_t told = 0;
  std::uint16_t highest = 0;
  std::uint64_t entries = 0;
  std::uint64_t list_end = 0;  // of the list being followed

  void add(std::uint16_t number) {
    told++;
    highest = std::max<std::uint16_t>(highest, number & number_bits);
  }

  /// False when the lists hold more entries than there can be.
  bool reached(std::uint64_t end) {
    list_end = std::max(list_end, end);
    return ++entries <= 4 * most_versions;
  }
};

/// An entry of a list at an address in the image.
template <class Entry>
std::optional<Entry> entry_at(const image& elf, std::uint64_t address) {
  const std::optional<std::uint64_t> place = elf.place(address, sizeof(Entry));
  return place ? elf.file.read<Entry>(*place) : std::nullopt;
}

bool is_named(image& elf, std::uint64_t text, std::uint32_t hash) {
  const std::optional<std::string_view> name = elf.dynamic_text(text);
  return name && system_v_hash(*name) == hash;
}

/// A list that goes round, or into itself, is refused before it makes much of this.
void note_version(image& elf, std::size_t library, const Elf64_Vernaux& entry) {
  const auto name = elf.dynamic_text(entry.vna_name);
  if (!name || (entry.vna_flags & VER_FLG_WEAK) != 0)
    return;
  std::vector<elf_version>& versions = elf.report.summary.versions;
  versions.push_back({library, std::string(*name)});
  const std::size_t number = entry.vna_other & number_bits;
  elf.versions_by_number.resize(std::max(elf.versions_by_number.size(), number + 1));
  elf.versions_by_number[number] = versions.size();
}

bool check_needed_names(image& elf, std::size_t library, std::uint64_t at,
                        const Elf64_Verneed& need, version_numbers& numbers) {
  std::uint64_t name_at = at + need.vn_aux;
  for (std::uint64_t i = 0; i < need.vn_cnt; i++) {
    const auto name = entry_at<Elf64_Vernaux>(elf, name_at);
    if (!name || !is_named(elf, name->vna_name, name->vna_hash))
      return false;
    if (!numbers.reached(name_at + sizeof(Elf64_Vernaux)))
      return false;
    numbers.add(name->vna_other);
    note_version(elf, library, *name);
    const bool last = i + 1 == need.vn_cnt;
    if (last != (name->vna_next == 0))
      return false;
    name_at += name->vna_next;
  }
  return need.vn_cnt != 0;
}

bool check_needed(image& elf, std::uint64_t at, std::uint64_t count, version_numbers& numbers) {
  const std::vector<std::string>& needed = elf.report.summary.needed;
  for (std::uint64_t i = 0; i < count; i++) {
    const auto need = entry_at<Elf64_Verneed>(elf, at);
    if (!need || need->vn_version != VER_NEED_CURRENT)
      return false;
    const std::optional<std::string_view> file = elf.dynamic_text(need->vn_file);
    const auto place = file ? std::find(needed.begin(), needed.end(), *file) : needed.end();
    if (place == needed.end())
      return false;
    const auto library = static_cast<std::size_t>(place - needed.begin());
    if (!numbers.reached(at + sizeof(Elf64_Verneed)) ||
        !check_needed_names(elf, library, at, *need, numbers))
      return false;
    const bool last = i + 1 == count;
    if (last != (need->vn_next == 0))
      return false;
    at += need->vn_next;
  }
  return true;
}

bool check_defined_names(image& elf, std::uint64_t at, const Elf64_Verdef& definition,
                         version_numbers& numbers) {
  std::uint64_t name_at = at + definition.vd_aux;
  for (std::uint64_t i = 0; i < definition.vd_cnt; i++) {
    const auto name = entry_at<Elf64_Verdaux>(elf, name_at);
    if (!name || !numbers.reached(name_at + sizeof(Elf64_Verdaux)))
      return false;
    // The first name is the version's own; those behind it are its parents.
    const bool named = i == 0 ? is_named(elf, name->vda_name, definition.vd_hash)
                              : elf.dynamic_text(name->vda_name).has_value();
    if (!named)
      return false;
    const bool last = i + 1 == definition.vd_cnt;
    if (last != (name->vda_next == 0))
      return false;
    name_at += name->vda_next;
  }
  return definition.vd_cnt != 0;
}

bool check_defined(image& elf, std::uint64_t at, std::uint64_t count, version_numbers& numbers) {
  for (std::uint64_t i = 0; i < count; i++) {
    const auto definition = entry_at<Elf64_Verdef>(elf, at);
    if (!definition || definition->vd_version != VER_DEF_CURRENT)
      return false;
    if (!numbers.reached(at + sizeof(Elf64_Verdef)))
      return false;
    numbers.add(definition->vd_ndx);
    if (!check_defined_names(elf, at, *definition, numbers))
      return false;
    const bool last = i + 1 == count;
    if (last != (definition->vd_next == 0))
      return false;
    at += definition->vd_next;
  }
  return true;
}

using list_check = bool (*)(image&, std::uint64_t, std::uint64_t, version_numbers&);

void check_list(image& elf, std::int64_t tag, std::int64_t count_tag, list_check check,
                version_numbers& numbers, std::string_view name) {
  const std::optional<std::uint64_t> address = elf.value_of(tag);
  if (!address)
    return;
  numbers.list_end = *address;
  if (!check(elf, *address, elf.value_of(count_tag).value_or(0), numbers))
    return elf.problem("the list of ", name, " versions is damaged");
  elf.linker_tables.push_back({*address, numbers.list_end - *address});
}

/// glibc refuses relative relocations that are packed in a file that knows it with versions, but not as
/// one that reads them: older ones passed over them without a word.
void check_packed_relocations(image& elf) {
  constexpr std::string_view wanted = "GLIBC_ABI_DT_RELR";
  const auto& versions = elf.report.summary.versions;
  const auto of_glibc = [&](const elf_version& v) {
    return elf.report.summary.needed[v.library] == "libc.so.6";
  };
  if (elf.value_of(DT_RELR) && std::any_of(versions.begin(), versions.end(), of_glibc) &&
      std::none_of(versions.begin(), versions.end(),
                   [&](const auto& v) { return v.name == wanted; }))
    elf.problem("its relocations are packed (DT_RELR), but it does not need the version ", wanted,
                " of libc.so.6, without which glibc refuses it: link it with "
                "-Wl,-z,pack-relative-relocs of ld, or without packing");
}

void check_numbers(image& elf, std::uint64_t address, const version_numbers& numbers) {
  const std::optional<std::uint64_t> place = elf.place(address, elf.symbol_count * 2);
  if (!place)
    return elf.problem("DT_VERSYM lies outside the file's segments");
  elf.linker_tables.push_back({address, elf.symbol_count * 2});
  const std::uint16_t highest = std::max<std::uint16_t>(numbers.highest, VER_NDX_GLOBAL);
  repeated_problem problems(elf.report.problems, "symbols");
  for (std::uint64_t i = 0; i < elf.symbol_count; i++) {
    const std::uint16_t number = *elf.file.read<std::uint16_t>(*place + i * 2) & number_bits;
    if (number > highest)
      problems.add("symbol ", i, " has a version that is not defined");
  }
  problems.close();
}

}  // namespace

void check_versions(image& elf) {
  version_numbers numbers;
  check_list(elf, DT_VERNEED, DT_VERNEEDNUM, check_needed, numbers, "needed");
  check_list(elf, DT_VERDEF, DT_VERDEFNUM, check_defined, numbers, "defined");
  check_packed_relocations(elf);
  const std::optional<std::uint64_t> address = elf.value_of(DT_VERSYM);
  if (!address && numbers.told != 0)
    elf.problem("it has versions but no DT_VERSYM");
  if (address)
    check_numbers(elf, *address, numbers);
}

}  // namespace khelp::elf
