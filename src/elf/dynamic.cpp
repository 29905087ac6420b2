#include <algorithm>

#include "elf/image.hpp"
#include "elf/keepers.hpp"

/// The dynamic section and what it names: strings, needed libraries, symbols.

namespace khelp::elf {

namespace {

struct tag_name {
  std::int64_t tag;
  std::string_view name;
};

/// Entries that may stand once: the dynamic linker keeps the last one without a word.
constexpr tag_name single_tags[] = {
    {DT_PLTRELSZ, "DT_PLTRELSZ"},
    {DT_PLTGOT, "DT_PLTGOT"},
    {DT_HASH, "DT_HASH"},
    {DT_STRTAB, "DT_STRTAB"},
    {DT_SYMTAB, "DT_SYMTAB"},
    {DT_RELA, "DT_RELA"},
    {DT_RELASZ, "DT_RELASZ"},
    {DT_RELAENT, "DT_RELAENT"},
    {DT_STRSZ, "DT_STRSZ"},
    {DT_SYMENT, "DT_SYMENT"},
    {DT_INIT, "DT_INIT"},
    {DT_FINI, "DT_FINI"},
    {DT_SONAME, "DT_SONAME"},
    {DT_PLTREL, "DT_PLTREL"},
    {DT_JMPREL, "DT_JMPREL"},
    {DT_INIT_ARRAY, "DT_INIT_ARRAY"},
    {DT_FINI_ARRAY, "DT_FINI_ARRAY"},
    {DT_INIT_ARRAYSZ, "DT_INIT_ARRAYSZ"},
    {DT_FINI_ARRAYSZ, "DT_FINI_ARRAYSZ"},
    {DT_FLAGS, "DT_FLAGS"},
    {DT_FLAGS_1, "DT_FLAGS_1"},
    {DT_GNU_HASH, "DT_GNU_HASH"},
    {DT_RELACOUNT, "DT_RELACOUNT"},
    {DT_RELR, "DT_RELR"},
    {DT_RELRSZ, "DT_RELRSZ"},
    {DT_RELRENT, "DT_RELRENT"},
    {DT_VERSYM, "DT_VERSYM"},
    {DT_VERNEED, "DT_VERNEED"},
    {DT_VERNEEDNUM, "DT_VERNEEDNUM"},
    {DT_VERDEF, "DT_VERDEF"},
    {DT_VERDEFNUM, "DT_VERDEFNUM"},
};

/// Entries that change how other files are searched or bound, or that a helper has no use for.
constexpr struct {
  std::int64_t tag;
  std::string_view problem;
} refused_tags[] = {
    {DT_RPATH, "it carries a search path (DT_RPATH)"},
    {DT_RUNPATH, "it carries a search path (DT_RUNPATH)"},
    {DT_TEXTREL, "its code needs relocation (DT_TEXTREL; build with -fPIC)"},
    {DT_REL, "it has relocations without addends (DT_REL)"},
    {DT_FILTER, "it is a filter for another library (DT_FILTER)"},
    {DT_AUXILIARY, "it is a filter for another library (DT_AUXILIARY)"},
    {DT_AUDIT, "it asks for an audit library (DT_AUDIT)"},
    {DT_DEPAUDIT, "it asks for an audit library (DT_DEPAUDIT)"},
};

/// What a helper may always be linked with: the C and C++ run-time, the sanitizers', and libkhelp
/// itself. What else is there, or allowed, load_plan.cpp says.
constexpr std::string_view allowed_libraries[] = {
    "libc.so.6",      "libm.so.6",      "libpthread.so.0",      "libdl.so.2",
    "librt.so.1",     "libgcc_s.so.1",  "libstdc++.so.6",       "libc++.so.1",
    "libc++abi.so.1", "libunwind.so.1", "ld-linux-x86-64.so.2", "linux-vdso.so.1",
    "libkhelp.so",    "libkhelp.so.*",  "libasan.so.*",         "libubsan.so.*",
    "libtsan.so.*",   "liblsan.so.*",   "libclang_rt.*",
};

bool library_is_allowed(std::string_view name) {
  return std::any_of(std::begin(allowed_libraries), std::end(allowed_libraries),
                     [name](std::string_view allowed) { return stands_for(allowed, name); });
}

/// Whether the dynamic linker looks for it among the names of the files it has, and neither takes it
/// for a path nor replaces a part of it ($ORIGIN).
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.find_first_of("/$") == std::string_view::npos;
}

/// musl's ("libc.musl-x86_64.so.1", "libc.so"), uClibc's ("libc.so.0").
bool is_other_c_library(std::string_view name) {
  return name.starts_with("libc.") && name != "libc.so.6";
}

bool read_entries(image& elf) {
  const Elf64_Phdr& segment = *elf.dynamic_segment;
  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz; at += sizeof(Elf64_Dyn)) {
    const Elf64_Dyn entry = *elf.file.read<Elf64_Dyn>(segment.p_offset + at);
    if (entry.d_tag == DT_NULL)
      return true;
    elf.dynamic.push_back(entry);
  }
  elf.problem("the dynamic section is not closed");
  return false;
}

void check_single_tags(image& elf) {
  for (const tag_name& single : single_tags) {
    const auto count = std::count_if(elf.dynamic.begin(), elf.dynamic.end(),
                                     [&](const auto& entry) { return entry.d_tag == single.tag; });
    if (count > 1)
      elf.problem("there are ", count, " entries ", single.name);
  }
}

void check_flags(image& elf) {
  const std::uint64_t flags = elf.value_of(DT_FLAGS).value_or(0);
  const std::uint64_t flags_1 = elf.value_of(DT_FLAGS_1).value_or(0);
  if ((flags & DF_TEXTREL) != 0 && !elf.value_of(DT_TEXTREL))
    elf.problem("its code needs relocation (DF_TEXTREL; build with -fPIC)");
  if ((flags_1 & DF_1_PIE) != 0)
    elf.problem("it is a program, not a shared object (DF_1_PIE)");
  if ((flags_1 & DF_1_NOOPEN) != 0)
    elf.problem("it forbids being loaded (DF_1_NOOPEN)");
  if ((flags_1 & DF_1_NODELETE) != 0)
    elf.report.summary.permanent.emplace_back("it forbids being unloaded (DF_1_NODELETE)");
}

/// One section says the same as the segment; tools read the one, the dynamic linker the other.
void check_dynamic_section(image& elf) {
  const Elf64_Phdr& segment = *elf.dynamic_segment;
  std::size_t found = 0;
  for (const Elf64_Shdr& section : elf.sections) {
    if (section.sh_type != SHT_DYNAMIC)
      continue;
    found++;
    if (section.sh_addr != segment.p_vaddr || section.sh_offset != segment.p_offset ||
        section.sh_size != segment.p_filesz)
      elf.problem("the section .dynamic and the segment PT_DYNAMIC differ");
  }
  if (found != 1)
    elf.problem("there are ", found, " dynamic sections, not one");
}

bool read_strings(image& elf) {
  const std::optional<std::uint64_t> address = elf.value_of(DT_STRTAB);
  const std::optional<std::uint64_t> size = elf.value_of(DT_STRSZ);
  const std::optional<std::uint64_t> place =
      address && size ? elf.place(*address, *size) : std::nullopt;
  if (!place || *size == 0) {
    elf.problem("the dynamic string table cannot be read");
    return false;
  }
  elf.strings = {*place, *size};
  elf.text_budget = *size * 16 + 65536;
  elf.linker_tables.push_back({*address, *size});
  if (*elf.file.read<char>(*place) != 0 || *elf.file.read<char>(*place + *size - 1) != 0)
    elf.problem("the dynamic string table is not terminated");
  return true;
}

/// The dynamic section does not tell how many symbols there are; the section header does.
bool read_symbols(image& elf) {
  const std::optional<std::uint64_t> address = elf.value_of(DT_SYMTAB);
  const auto section = std::find_if(elf.sections.begin(), elf.sections.end(),
                                    [](const auto& s) { return s.sh_type == SHT_DYNSYM; });
  if (!address || section == elf.sections.end() || section->sh_addr != *address) {
    elf.problem("the dynamic symbol table has no section header of its own");
    return false;
  }
  const std::optional<std::uint64_t> place = elf.place(*address, section->sh_size);
  if (!place || section->sh_size == 0 || section->sh_size % sizeof(Elf64_Sym) != 0 ||
      elf.value_of(DT_SYMENT).value_or(0) != sizeof(Elf64_Sym)) {
    elf.problem("the dynamic symbol table cannot be read");
    return false;
  }
  elf.symbols = {*place, section->sh_size};
  elf.symbol_count = section->sh_size / sizeof(Elf64_Sym);
  elf.linker_tables.push_back({*address, section->sh_size});
  return true;
}

/// Symbols that the dynamic linker makes the same in all files, and so keeps.
struct unique_symbols {
  std::uint64_t count = 0;
  std::string first;
};

/// All names together are bounded by the table they come from.
std::optional<std::string_view> name_to_keep(image& elf, const Elf64_Sym& symbol,
                                             std::uint64_t& budget) {
  const std::uint64_t room = std::min(elf.strings.size - symbol.st_name, budget);
  const std::string_view name = elf.file.characters(elf.strings.offset + symbol.st_name, room);
  budget -= name.size();
  if (name.empty() || name.size() == room)
    return std::nullopt;
  return name;
}

/// The version that it needs of an imported symbol: its place, counted from 1; 0: any.
std::size_t version_of(const image& elf, std::uint64_t index) {
  const std::uint16_t number = elf.version_number(index);
  return number < elf.versions_by_number.size() ? elf.versions_by_number[number] : 0;
}

void note_import(image& elf, std::uint64_t index, const Elf64_Sym& symbol) {
  if (ELF64_ST_BIND(symbol.st_info) == STB_GLOBAL) {
    if (const auto import = name_to_keep(elf, symbol, elf.import_budget))
      elf.report.summary.imports.push_back({std::string(*import), version_of(elf, index)});
  }
  const std::string_view name = elf.file.characters(
      elf.strings.offset + symbol.st_name,
      std::min<std::uint64_t>(elf.strings.size - symbol.st_name, longest_keeper + 1));
  const keeper found = keeper_named(name, ELF64_ST_BIND(symbol.st_info) == STB_WEAK);
  if (found.how == keeping::nothing)
    return;
  elf_summary& summary = elf.report.summary;
  const std::string words = concat(found.why, " (it uses ", name, ")");
  if (found.how == keeping::for_ever)
    summary.permanent.push_back(words);
  else if (found.how == keeping::threads)
    summary.threads.push_back(words);
  else
    summary.delayed.push_back(words);
}

/// Not what others find only by an old version of its name.
bool is_hidden_version(const image& elf, std::uint64_t index) {
  constexpr std::uint16_t hidden = 0x8000;
  return (elf.version_number(index) & hidden) != 0;
}

void note_export(image& elf, std::uint64_t index, const Elf64_Sym& symbol) {
  const unsigned visibility = ELF64_ST_VISIBILITY(symbol.st_other);
  if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL || is_hidden_version(elf, index) ||
      (visibility != STV_DEFAULT && visibility != STV_PROTECTED))
    return;
  const bool placed = ELF64_ST_TYPE(symbol.st_info) != STT_TLS && symbol.st_shndx != SHN_ABS;
  if (const auto name = name_to_keep(elf, symbol, elf.export_budget))
    elf.report.summary.exports.push_back(
        {std::string(*name), symbol.st_value, symbol.st_size, placed});
}

void check_symbol(image& elf, std::uint64_t index, const Elf64_Sym& symbol,
                  repeated_problem& problems, unique_symbols& unique) {
  if (symbol.st_name >= elf.strings.size)
    return problems.add("symbol ", index, " has a name outside the string table");
  if (symbol.st_shndx == SHN_UNDEF)
    return note_import(elf, index, symbol);

  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  const auto refuse = [&](std::string_view why) {
    problems.add("symbol ", elf.name_for_people(symbol.st_name), why);
  };
  if (type == STT_GNU_IFUNC)
    return refuse(" is chosen by code that runs while it is loaded (IFUNC)");
  if (ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE && unique.count++ == 0)
    unique.first = elf.name_for_people(symbol.st_name);
  if (!dynamic_linker_knows(symbol))
    return;  // nobody else finds it, and relocations of it are refused
  note_export(elf, index, symbol);
  if (symbol.st_shndx == SHN_ABS || type == STT_SECTION)
    return;
  if (symbol.st_shndx >= SHN_LORESERVE || symbol.st_shndx >= elf.sections.size())
    return refuse(" belongs to a section that does not exist");
  if (type == STT_TLS) {
    const std::uint64_t room = elf.tls_segment ? elf.tls_segment->p_memsz : 0;
    if (symbol.st_value > room || symbol.st_size > room - symbol.st_value)
      refuse(" lies outside the thread-local data");
  } else if (elf.load_in_memory(symbol.st_value, 0) == nullptr) {
    refuse(" lies outside every mapped segment");
  }
}

void tell_unique(image& elf, const unique_symbols& unique) {
  if (unique.count == 0)
    return;
  std::string reason = "the dynamic linker keeps " + unique.first;
  if (unique.count > 1)
    reason += concat(" and ", unique.count - 1, " more");
  reason += " for ever (STB_GNU_UNIQUE; build with -fno-gnu-unique)";
  elf.report.summary.permanent.push_back(std::move(reason));
}

}  // namespace

bool dynamic_linker_knows(const Elf64_Sym& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  const unsigned bind = ELF64_ST_BIND(symbol.st_info);
  if (bind == STB_LOCAL)
    return true;
  if (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE)
    return false;
  if (symbol.st_value == 0 && symbol.st_shndx != SHN_ABS && type != STT_TLS)
    return false;
  return type == STT_NOTYPE || type == STT_OBJECT || type == STT_FUNC || type == STT_COMMON ||
         type == STT_TLS;
}

bool read_dynamic(image& elf) {
  if (!elf.dynamic_segment)
    return false;
  if (!read_entries(elf))
    return false;
  elf.linker_tables.push_back({elf.dynamic_segment->p_vaddr, elf.dynamic_segment->p_memsz});
  check_single_tags(elf);
  check_dynamic_section(elf);
  check_flags(elf);
  for (const auto& refused : refused_tags) {
    if (elf.value_of(refused.tag))
      elf.problem(refused.problem);
  }
  const bool strings = read_strings(elf);
  const bool symbols = read_symbols(elf);
  return strings && symbols;
}

void read_needed(image& elf) {
  repeated_problem refused(elf.report.problems, "libraries");
  for (const Elf64_Dyn& entry : elf.dynamic) {
    if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_SONAME)
      continue;
    const std::optional<std::string_view> name = elf.dynamic_text(entry.d_un.d_val);
    if (!name) {
      refused.add("the name of a library lies outside the string table");
    } else if (entry.d_tag == DT_SONAME) {
      elf.report.summary.soname = *name;
      if (library_is_allowed(*name))
        elf.problem("it takes the name of a system library: ", quoted(*name));
    } else {
      elf.report.summary.needed.emplace_back(*name);
      if (library_is_allowed(*name))
        continue;
      if (is_other_c_library(*name))
        refused.add("it was linked with another C library (", quoted(*name),
                    "), which cannot be in a process beside glibc: compile it for glibc");
      else if (is_plain_name(*name))
        elf.report.summary.beyond_runtime.emplace_back(*name);
      else
        refused.add("it needs ", quoted(*name), ", which a helper may not bring along");
    }
  }
  refused.close();
}

void check_symbols(image& elf) {
  repeated_problem problems(elf.report.problems, "symbols");
  unique_symbols unique;
  elf.import_budget = elf.strings.size;
  elf.export_budget = elf.strings.size;
  if (const auto versions = elf.value_of(DT_VERSYM))
    elf.versions_at = elf.place(*versions, elf.symbol_count * 2);
  for (std::uint64_t i = 1; i < elf.symbol_count; i++)
    check_symbol(elf, i, *elf.symbol(i), problems, unique);
  problems.close();
  tell_unique(elf, unique);
}

}  // namespace khelp::elf
