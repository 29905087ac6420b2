#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "elf/reader.hpp"

/// The state that the parts of the reader share while they judge one file. Parts run in the order
/// of the declarations below; each adds what it finds and leaves what it read for the next.

namespace khelp::elf {

/// Bounded access to the file. Every read goes through contains().
class bytes {
 public:
  explicit bytes(std::span<const std::byte> file) : file_(file) {}

  std::uint64_t size() const { return file_.size(); }

  bool contains(std::uint64_t offset, std::uint64_t length) const {
    return offset <= size() && length <= size() - offset;
  }

  template <class T>
  std::optional<T> read(std::uint64_t offset) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!contains(offset, sizeof(T)))
      return std::nullopt;
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof(T));
    return value;
  }

  bool same(std::uint64_t offset, std::string_view text) const {
    return contains(offset, text.size()) &&
           std::memcmp(file_.data() + offset, text.data(), text.size()) == 0;
  }

  /// The text at `offset`, to its terminator or for `room` characters.
  std::string_view characters(std::uint64_t offset, std::uint64_t room) const {
    if (!contains(offset, room))
      return {};
    const char* first = reinterpret_cast<const char*>(file_.data()) + offset;
    return {first, strnlen(first, room)};
  }

  /// The text from `offset` to its terminator, which must come before `end`.
  std::optional<std::string_view> text(std::uint64_t offset, std::uint64_t end) const {
    if (end > size() || offset >= end)
      return std::nullopt;
    const std::string_view found = characters(offset, end - offset);
    if (found.size() == end - offset)
      return std::nullopt;
    return found;
  }

 private:
  std::span<const std::byte> file_;
};

/// A range of addresses as the file counts them (the base is added when it is mapped).
struct range {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;

  bool overlaps(std::uint64_t address, std::uint64_t length) const {
    return size != 0 && length != 0 && address < begin + size && begin < address + length;
  }
};

/// A table in the mapped image whose bytes are all in the file.
struct table {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t size = 0;
};

struct image {
  explicit image(std::span<const std::byte> contents) : file(contents) {}

  template <class... Pieces>
  void problem(const Pieces&... pieces) {
    report.problems.push_back(concat(pieces...));
  }

  bytes file;
  elf_report report;

  // Filled by read_header, read_segments, read_sections.
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;
  std::vector<Elf64_Phdr> loads;  // PT_LOAD, well-formed, ascending, not overlapping
  std::vector<Elf64_Shdr> sections;
  std::optional<Elf64_Phdr> dynamic_segment;
  std::optional<Elf64_Phdr> tls_segment;

  // Filled by read_dynamic.
  std::vector<Elf64_Dyn> dynamic;  // without the closing DT_NULL
  table strings;
  std::uint64_t text_budget = 0;    // how many characters dynamic_text() may still read
  std::uint64_t import_budget = 0;  // how many characters of imports' names may still be kept
  std::uint64_t export_budget = 0;  // the same of exports' names
  std::optional<std::uint64_t> versions_at;     // in the file: a number for each symbol
  std::vector<std::size_t> versions_by_number;  // places in the summary's, counted from 1
  table symbols;
  std::uint64_t symbol_count = 0;
  std::vector<range> linker_tables;  // few; what no relocation may write to

  /// The PT_LOAD that holds these addresses in memory.
  const Elf64_Phdr* load_in_memory(std::uint64_t address, std::uint64_t size) const;

  /// The place in the file of addresses that are mapped readable from it.
  std::optional<std::uint64_t> place(std::uint64_t address, std::uint64_t size) const;

  /// The value of a dynamic entry, when there is one.
  std::optional<std::uint64_t> value_of(std::int64_t tag) const;

  /// A string of the dynamic string table. All reads together are bounded: strings share their
  /// endings at most, so no sound file spends the budget.
  std::optional<std::string_view> dynamic_text(std::uint64_t offset) {
    if (offset >= strings.size)
      return std::nullopt;
    const std::uint64_t room = std::min(strings.size - offset, text_budget);
    const std::string_view found = file.characters(strings.offset + offset, room);
    text_budget -= found.size();
    if (found.size() == room)
      return std::nullopt;
    return found;
  }

  /// A name for a sentence.
  std::string name_for_people(std::uint64_t offset) const {
    const std::uint64_t room = std::min<std::uint64_t>(strings.size - offset, longest_quoted + 1);
    return quoted(file.characters(strings.offset + offset, room));
  }

  std::optional<Elf64_Sym> symbol(std::uint64_t index) const {
    if (index >= symbol_count)
      return std::nullopt;
    return file.read<Elf64_Sym>(symbols.offset + index * sizeof(Elf64_Sym));
  }

  /// Of a symbol, among the versions that the file needs and defines; 0: it has none.
  std::uint16_t version_number(std::uint64_t index) const {
    if (!versions_at || index >= symbol_count)
      return 0;
    return file.read<std::uint16_t>(*versions_at + index * 2).value_or(0);
  }

  bool executable(std::uint64_t address) const {
    const Elf64_Phdr* load = load_in_memory(address, 1);
    return load != nullptr && (load->p_flags & PF_X) != 0;
  }
};

/// Whether the dynamic linker finds a symbol that the file defines. What it passes over is bound to
/// another file's, or to nothing.
bool dynamic_linker_knows(const Elf64_Sym& symbol);

/// The hash of the System V symbol table, and of version names.
std::uint32_t system_v_hash(std::string_view name);

/// False when nothing behind the header can be read.
bool read_header(image& elf);
/// False when the program headers cannot be read.
bool read_segments(image& elf);
void read_sections(image& elf);
bool holds_debugging_information_only(const image& elf);
void check_extent(image& elf);
void read_notes(image& elf);
/// False when the dynamic section, its strings or its symbols cannot be read.
bool read_dynamic(image& elf);
void read_needed(image& elf);
void check_hash(image& elf);
void check_symbols(image& elf);
void check_versions(image& elf);
void check_relocations(image& elf);
void check_functions(image& elf);

}  // namespace khelp::elf
