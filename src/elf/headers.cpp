#include <algorithm>
#include <bit>

#include "elf/image.hpp"

/// The outer structure: header, program headers, section headers, notes, and the extent of it all.

namespace khelp::elf {

namespace {

constexpr std::uint64_t page_size = 4096;
constexpr std::uint64_t largest_alignment = std::uint64_t{1} << 26;
constexpr std::uint64_t largest_image = std::uint64_t{1} << 30;

std::uint64_t page_down(std::uint64_t address) {
  return address & ~(page_size - 1);
}
std::uint64_t page_up(std::uint64_t address) {
  return page_down(address + page_size - 1);
}

/// The end of a range, or nothing when it wraps around or is absurdly far.
bool reasonable(std::uint64_t address, std::uint64_t size) {
  return address <= largest_image && size <= largest_image;
}

bool same_place(const Elf64_Phdr& segment, const Elf64_Phdr& load) {
  return segment.p_vaddr - load.p_vaddr == segment.p_offset - load.p_offset;
}

/// A segment that only describes a part of what a PT_LOAD maps from the file.
bool check_part_of_load(image& elf, const Elf64_Phdr& segment, std::string_view name) {
  const Elf64_Phdr* load = elf.load_in_memory(segment.p_vaddr, segment.p_memsz);
  if (load == nullptr) {
    elf.problem(name, " lies outside every mapped segment");
    return false;
  }
  const std::optional<std::uint64_t> place = elf.place(segment.p_vaddr, segment.p_filesz);
  if (!place || !same_place(segment, *load)) {
    elf.problem(name, " is not at the place in the file that is mapped at its address");
    return false;
  }
  return true;
}

void check_load(image& elf, std::size_t index) {
  const Elf64_Phdr& load = elf.segments[index];
  const std::size_t before = elf.report.problems.size();
  if (load.p_filesz > load.p_memsz)
    elf.problem("segment ", index, " has more bytes in the file than in memory");
  if (!reasonable(load.p_vaddr, load.p_memsz))
    elf.problem("segment ", index, " asks for more than 1 GiB of addresses");
  if (!std::has_single_bit(load.p_align) || load.p_align < page_size ||
      load.p_align > largest_alignment) {
    elf.problem("segment ", index, " has the impossible alignment ", hex(load.p_align));
  } else if (((load.p_vaddr - load.p_offset) & (load.p_align - 1)) != 0) {
    elf.problem("segment ", index, " is not aligned: its address and its place in the file differ");
  }
  if ((load.p_flags & PF_W) != 0 && (load.p_flags & PF_X) != 0)
    elf.problem("segment ", index, " is both writable and executable");
  if (!elf.file.contains(load.p_offset, load.p_filesz))
    return;  // told with the file's extent
  if (elf.report.problems.size() != before)
    return;

  if (!elf.loads.empty()) {
    const Elf64_Phdr& previous = elf.loads.back();
    if (page_down(load.p_vaddr) < page_up(previous.p_vaddr + previous.p_memsz)) {
      elf.problem("segment ", index, " overlaps, or stands before, the mapped segment before it");
      return;
    }
  }
  elf.loads.push_back(load);
}

void check_stack(image& elf) {
  const auto stack = std::find_if(elf.segments.begin(), elf.segments.end(),
                                  [](const auto& s) { return s.p_type == PT_GNU_STACK; });
  if (stack == elf.segments.end())
    elf.problem("no PT_GNU_STACK: the dynamic linker would make every stack executable");
  else if ((stack->p_flags & PF_X) != 0)
    elf.problem("it asks for an executable stack");
}

void check_tls(image& elf, const Elf64_Phdr& tls) {
  if (tls.p_filesz > tls.p_memsz)
    elf.problem("PT_TLS has more bytes in the file than in memory");
  if (tls.p_align > page_size || (tls.p_align != 0 && !std::has_single_bit(tls.p_align)))
    elf.problem("PT_TLS has the impossible alignment ", hex(tls.p_align));
  if (!reasonable(tls.p_vaddr, tls.p_memsz)) {
    elf.problem("PT_TLS asks for more than 1 GiB");
    return;
  }
  if (tls.p_filesz != 0 && !elf.place(tls.p_vaddr, tls.p_filesz))
    elf.problem("PT_TLS lies outside every mapped segment");
}

void check_relro(image& elf, const Elf64_Phdr& relro) {
  const Elf64_Phdr* load = elf.load_in_memory(relro.p_vaddr, 1);
  const std::uint64_t room =
      load == nullptr ? 0 : page_up(load->p_vaddr + load->p_memsz) - relro.p_vaddr;
  if (load == nullptr || (load->p_flags & PF_W) == 0 || relro.p_memsz > room)
    elf.problem("PT_GNU_RELRO lies outside the writable segment");
}

/// Where the dynamic linker takes the program headers from, once mapped.
void check_own_headers(image& elf, const Elf64_Phdr& self) {
  if (self.p_offset != elf.header.e_phoff)
    elf.problem("PT_PHDR does not name the program headers");
  else
    check_part_of_load(elf, self, "PT_PHDR");
}

void check_dynamic_segment(image& elf, const Elf64_Phdr& dynamic) {
  if (elf.dynamic_segment) {
    elf.problem("there are several PT_DYNAMIC");
    return;
  }
  if (!check_part_of_load(elf, dynamic, "PT_DYNAMIC"))
    return;
  const Elf64_Phdr* load = elf.load_in_memory(dynamic.p_vaddr, dynamic.p_memsz);
  if ((dynamic.p_flags & PF_W) != 0 && (load->p_flags & PF_W) == 0) {
    elf.problem("PT_DYNAMIC is marked writable but lies in a segment that is not");
    return;
  }
  elf.dynamic_segment = dynamic;
}

void check_other_segment(image& elf, const Elf64_Phdr& segment) {
  switch (segment.p_type) {
    case PT_DYNAMIC:
      return check_dynamic_segment(elf, segment);
    case PT_PHDR:
      return check_own_headers(elf, segment);
    case PT_TLS:
      if (elf.tls_segment)
        elf.problem("there are several PT_TLS");
      elf.tls_segment = segment;
      return check_tls(elf, segment);
    case PT_GNU_RELRO:
      return check_relro(elf, segment);
    case PT_NOTE:
      check_part_of_load(elf, segment, "PT_NOTE");
      return;
    case PT_GNU_PROPERTY:
      check_part_of_load(elf, segment, "PT_GNU_PROPERTY");
      return;
    default:
      return;
  }
}

void summarise_segments(image& elf) {
  for (const Elf64_Phdr& s : elf.segments)
    elf.report.summary.segments.push_back(
        {s.p_type, s.p_flags, s.p_offset, s.p_filesz, s.p_vaddr, s.p_memsz, s.p_align});
  if (elf.loads.empty())
    return;
  const Elf64_Phdr& last = elf.loads.back();
  elf.report.summary.memory_size = page_up(last.p_vaddr + last.p_memsz);
}

/// A section with a place in the file, be it an empty one.
bool has_bytes(const Elf64_Shdr& section) {
  return section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL;
}

/// A section that is mapped must be where the segments map it: the loader adds the base to a
/// section's address to find a record whose bytes it read from the file.
void check_mapped_section(image& elf, std::size_t index, repeated_problem& problems) {
  const Elf64_Shdr& section = elf.sections[index];
  if ((section.sh_flags & SHF_ALLOC) == 0 || section.sh_size == 0)
    return;
  if (section.sh_type == SHT_NOBITS) {
    if ((section.sh_flags & SHF_TLS) == 0 &&
        elf.load_in_memory(section.sh_addr, section.sh_size) == nullptr)
      problems.add("section ", index, " lies outside every mapped segment");
    return;
  }
  const std::optional<std::uint64_t> place = elf.place(section.sh_addr, section.sh_size);
  if (!place || *place != section.sh_offset)
    problems.add("section ", index, " is not at the place in the file that is mapped there");
}

void check_sections_apart(image& elf) {
  std::vector<const Elf64_Shdr*> by_place;
  for (const Elf64_Shdr& section : elf.sections) {
    if (has_bytes(section) && section.sh_size != 0 &&
        elf.file.contains(section.sh_offset, section.sh_size))
      by_place.push_back(&section);
  }
  std::sort(by_place.begin(), by_place.end(),
            [](const auto* a, const auto* b) { return a->sh_offset < b->sh_offset; });
  repeated_problem overlaps(elf.report.problems, "sections");
  for (std::size_t i = 1; i < by_place.size(); i++) {
    const Elf64_Shdr& before = *by_place[i - 1];
    if (by_place[i]->sh_offset - before.sh_offset < before.sh_size)
      overlaps.add("sections ", &before - elf.sections.data(), " and ",
                   by_place[i] - elf.sections.data(), " overlap in the file");
  }
  overlaps.close();
}

void summarise_sections(image& elf) {
  const Elf64_Shdr& names = elf.sections[elf.header.e_shstrndx];
  if (names.sh_type != SHT_STRTAB || !elf.file.contains(names.sh_offset, names.sh_size)) {
    elf.problem("the table of section names cannot be read");
    return;
  }
  const std::uint64_t end = names.sh_offset + names.sh_size;
  elf.report.summary.sections.reserve(elf.sections.size());
  repeated_problem nameless(elf.report.problems, "sections");
  for (std::size_t i = 0; i < elf.sections.size(); i++) {
    const Elf64_Shdr& s = elf.sections[i];
    const std::optional<std::string_view> name =
        s.sh_name < names.sh_size ? elf.file.text(names.sh_offset + s.sh_name, end) : std::nullopt;
    if (!name) {
      nameless.add("section ", i, " has a name outside the table of section names");
      continue;
    }
    elf.report.summary.sections.push_back(
        {std::string(*name), s.sh_type, s.sh_flags, s.sh_offset, s.sh_addr, s.sh_size});
  }
  nameless.close();
}

void add_permanent(image& elf, std::string_view reason) {
  std::vector<std::string>& reasons = elf.report.summary.permanent;
  if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
    reasons.emplace_back(reason);
}

void read_note(image& elf, std::string_view name, std::uint32_t type, std::uint64_t content,
               std::uint64_t size) {
  if (name == "Go")
    add_permanent(elf, "it contains the Go runtime, which cannot be unloaded");
  if (name != "GNU" || type != NT_GNU_BUILD_ID)
    return;
  static constexpr char digits[] = "0123456789abcdef";
  std::string& id = elf.report.summary.build_id;
  id.clear();
  for (std::uint64_t i = 0; i < size; i++) {
    const std::uint8_t byte = *elf.file.read<std::uint8_t>(content + i);
    id += digits[byte >> 4];
    id += digits[byte & 15];
  }
}

void read_note_segment(image& elf, const Elf64_Phdr& segment) {
  const std::uint64_t align = segment.p_align == 8 ? 8 : 4;
  const auto padded = [align](std::uint64_t size) { return (size + align - 1) & ~(align - 1); };
  const std::uint64_t end = segment.p_offset + segment.p_filesz;
  std::uint64_t at = segment.p_offset;
  while (at < end) {
    const std::optional<Elf64_Nhdr> note = elf.file.read<Elf64_Nhdr>(at);
    if (!note || end - at < sizeof(Elf64_Nhdr))
      return elf.problem("a note is cut");
    const std::uint64_t content = padded(sizeof(Elf64_Nhdr) + note->n_namesz);
    if (content > end - at || note->n_descsz > end - at - content)
      return elf.problem("a note is longer than its segment");
    const std::optional<std::string_view> name =
        elf.file.text(at + sizeof(Elf64_Nhdr), at + sizeof(Elf64_Nhdr) + note->n_namesz);
    if (name)
      read_note(elf, *name, note->n_type, at + content, note->n_descsz);
    at += std::min(content + padded(note->n_descsz), end - at);
  }
}

}  // namespace

bool read_header(image& elf) {
  const std::optional<Elf64_Ehdr> header = elf.file.read<Elf64_Ehdr>(0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    elf.problem(elf.file.size() == 0 ? "the file is empty"
                : header             ? "this is not an ELF file"
                                     : "the file is too short for an ELF header");
    return false;
  }
  elf.header = *header;
  const std::size_t before = elf.report.problems.size();
  if (header->e_ident[EI_CLASS] != ELFCLASS64)
    elf.problem("not a 64-bit file");
  if (header->e_ident[EI_DATA] != ELFDATA2LSB)
    elf.problem("not a little-endian file");
  if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
    elf.problem("unknown version of ELF");
  if (header->e_ident[EI_OSABI] != ELFOSABI_SYSV && header->e_ident[EI_OSABI] != ELFOSABI_GNU)
    elf.problem("made for another operating system");
  if (header->e_ident[EI_ABIVERSION] != 0)
    elf.problem("made for another ABI version");
  for (int i = EI_PAD; i < EI_NIDENT; i++) {
    if (header->e_ident[i] == 0)
      continue;
    elf.problem("the padding of the header is not zero");
    break;
  }
  if (header->e_machine != EM_X86_64)
    elf.problem("not made for x86-64");
  if (header->e_type != ET_DYN)
    elf.problem("not a shared object");
  if (header->e_ehsize != sizeof(Elf64_Ehdr))
    elf.problem("the header has an impossible size");
  return elf.report.problems.size() == before;
}

bool read_segments(image& elf) {
  const Elf64_Ehdr& header = elf.header;
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum == PN_XNUM) {
    elf.problem("the table of program headers has an impossible size");
    return false;
  }
  const std::uint64_t size = std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (!elf.file.contains(header.e_phoff, size)) {
    elf.problem("the table of program headers lies outside the file");
    return false;
  }
  elf.segments.reserve(header.e_phnum);
  for (std::uint64_t i = 0; i < header.e_phnum; i++)
    elf.segments.push_back(*elf.file.read<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));

  for (std::size_t i = 0; i < elf.segments.size(); i++) {
    if (elf.segments[i].p_type == PT_LOAD)
      check_load(elf, i);
  }
  if (elf.loads.empty())
    elf.problem("nothing of it can be mapped: no sound PT_LOAD");
  for (const Elf64_Phdr& segment : elf.segments)
    check_other_segment(elf, segment);
  check_stack(elf);
  summarise_segments(elf);
  if (!elf.dynamic_segment) {
    const bool any = std::any_of(elf.segments.begin(), elf.segments.end(),
                                 [](const auto& s) { return s.p_type == PT_DYNAMIC; });
    if (!any)
      elf.problem("there is no PT_DYNAMIC");
  }
  return true;
}

void read_sections(image& elf) {
  const Elf64_Ehdr& header = elf.header;
  if (header.e_shoff == 0 || header.e_shnum == 0)
    return elf.problem("it has no section headers (a helper must not be stripped of them)");
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum)
    return elf.problem("the table of section headers has an impossible size");
  const std::uint64_t size = std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr);
  if (!elf.file.contains(header.e_shoff, size))
    return elf.problem("the table of section headers lies outside the file");
  elf.sections.reserve(header.e_shnum);
  for (std::uint64_t i = 0; i < header.e_shnum; i++)
    elf.sections.push_back(*elf.file.read<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr)));

  repeated_problem unmapped(elf.report.problems, "sections");
  for (std::size_t i = 0; i < elf.sections.size(); i++)
    check_mapped_section(elf, i, unmapped);
  unmapped.close();
  check_sections_apart(elf);
  summarise_sections(elf);
}

/// All that would be mapped has no bytes in such a file.
bool holds_debugging_information_only(const image& elf) {
  const auto is_code = [](const Elf64_Shdr& s) {
    return (s.sh_flags & SHF_EXECINSTR) != 0 && s.sh_size != 0;
  };
  const auto is_empty_code = [&](const Elf64_Shdr& s) {
    return is_code(s) && s.sh_type == SHT_NOBITS;
  };
  return std::any_of(elf.sections.begin(), elf.sections.end(), is_empty_code) &&
         std::count_if(elf.sections.begin(), elf.sections.end(), is_code) ==
             std::count_if(elf.sections.begin(), elf.sections.end(), is_empty_code);
}

/// A linker writes nothing behind the last thing that the headers describe. So the described extent
/// is exactly the file, and every cut, even of the last byte, shows.
void check_extent(image& elf) {
  std::uint64_t end = sizeof(Elf64_Ehdr);
  bool wraps = false;
  const auto include = [&](std::uint64_t offset, std::uint64_t size) {
    wraps = wraps || offset + size < offset;
    end = std::max(end, offset + size);
  };
  include(elf.header.e_phoff, std::uint64_t{elf.header.e_phnum} * sizeof(Elf64_Phdr));
  include(elf.header.e_shoff, std::uint64_t{elf.header.e_shnum} * sizeof(Elf64_Shdr));
  for (const Elf64_Phdr& segment : elf.segments)
    include(segment.p_offset, segment.p_filesz);
  for (const Elf64_Shdr& section : elf.sections) {
    if (has_bytes(section))
      include(section.sh_offset, section.sh_size);
  }
  if (wraps)
    elf.problem("a segment or section wraps around the end of all addresses");
  else if (end > elf.file.size())
    elf.problem("the file is cut: it describes ", end, " bytes and has ", elf.file.size());
  else if (end < elf.file.size())
    elf.problem("the file has ", elf.file.size() - end, " bytes behind its described end");
}

void read_notes(image& elf) {
  for (const Elf64_Phdr& segment : elf.segments) {
    const bool noted = segment.p_type == PT_NOTE || segment.p_type == PT_GNU_PROPERTY;
    if (noted && elf.file.contains(segment.p_offset, segment.p_filesz))
      read_note_segment(elf, segment);
  }
}

}  // namespace khelp::elf
