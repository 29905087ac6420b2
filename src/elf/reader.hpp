#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <khelp/result.hpp>

/// Before the dynamic linker sees a helper's file, every structure that it would follow is followed
/// here first, with bounds. The linker itself does not check: a cut or damaged file kills the
/// process inside dlopen (a signal, or an exit by assertion), and a constructor or an IFUNC
/// resolver runs before dlopen returns. So the file is judged from its bytes, all problems at once.
///
/// What this promises: no input makes the reader crash, hang or read outside the span; a file that
/// was cut anywhere is refused; a file without problems gives the linker no table, string, index or
/// relocation that leads outside what it maps. What it cannot promise: that the code and data in a
/// sound structure are the ones their author built (that is the signature's part); and whether the
/// libraries beyond the run-time are there, or modules that it depends on (that is load_plan.cpp's).
///
/// Read: ELF64, little endian, x86-64, shared objects with section headers.

namespace khelp {

struct elf_segment {
  std::uint32_t type;
  std::uint32_t flags;
  std::uint64_t offset;
  std::uint64_t file_size;
  std::uint64_t address;
  std::uint64_t memory_size;
  std::uint64_t alignment;
};

struct elf_section {
  std::string name;
  std::uint32_t type;
  std::uint64_t flags;
  std::uint64_t offset;  // in the file; meaningless for a section without bytes (SHT_NOBITS)
  std::uint64_t address;
  std::uint64_t size;
};

struct elf_version {
  std::size_t library;  // place among the needed ones
  std::string name;
};

struct elf_import {
  std::string name;
  std::size_t version;  // place among those needed, counted from 1; 0: any
};

struct elf_export {
  std::string name;
  std::uint64_t address;  // from the base
  std::uint64_t size;
  bool placed;  // it has an address: it is neither thread-local nor a number (SHN_ABS)
};

/// What the file says about itself. Complete only when the report has no problems.
struct elf_summary {
  std::vector<elf_segment> segments;
  std::vector<elf_section> sections;
  std::vector<std::string> needed;
  std::vector<std::string>
      beyond_runtime;                 // of these, what is not the run-time: modules and others
  std::vector<elf_version> versions;  // of interfaces of those, which they must offer
  std::vector<elf_import> imports;    // symbols that another file must define (not weak ones)
  std::vector<elf_export> exports;    // symbols that others may use
  std::string soname;
  std::string build_id;                // lower-case hexadecimal, empty when there is none
  std::vector<std::string> permanent;  // why the file must never be unmapped; empty: it may be
  std::vector<std::string> threads;    // threads of its own that it may start
  std::vector<std::string> delayed;    // what may keep it mapped for some time after its unload
  std::uint64_t memory_size = 0;       // from the base to the end of the last mapped page
};

struct elf_report {
  elf_summary summary;
  std::vector<std::string> problems;  // each a sentence; empty: the file may be loaded

  bool sound() const noexcept { return problems.empty(); }
};

/// Judge a file from its bytes.
///
/// Cost     linear in the size of the file; memory at most a small multiple of its tables.
/// Errors   ENOMEM. What is wrong with the file is not an error here but the report's problems.
result<elf_report> read_elf(std::span<const std::byte> file) noexcept;

/// Whether a pattern, a name or the beginning of names with '*' behind it, stands for this one.
bool stands_for(std::string_view pattern, std::string_view name) noexcept;

bool exports(const std::vector<elf_export>& among, std::string_view symbol) noexcept;

/// The one section of that name that has bytes in the file; none when it is missing or there are
/// several.
const elf_section* find_section(const elf_summary& summary, std::string_view name) noexcept;

/// The bytes of a section of a sound file.
std::span<const std::byte> section_bytes(std::span<const std::byte> file,
                                         const elf_section& section) noexcept;

}  // namespace khelp
