// The ELF reader on arbitrary bytes: it may refuse, it may not crash, hang or read outside. Files
// it finds sound must be usable by what comes next: their sections lie inside the file.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <elf.h>
#include <span>

#include "elf/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto report = khelp::read_elf(file);
  if (!report || !report->sound())
    return 0;
  for (const khelp::elf_section& section : report->summary.sections) {
    if (section.type == SHT_NOBITS || section.type == SHT_NULL)
      continue;
    if (section.offset > size || section.size > size - section.offset)
      std::abort();
  }
  return 0;
}
