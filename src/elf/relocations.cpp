#include <algorithm>

#include "elf/image.hpp"

/// Relocations, and the functions that the dynamic linker calls by itself. A relocation writes: it
/// must stay in the helper's writable data, and off every table that the linker still reads.

namespace khelp::elf {

namespace {

/// Thread-local data of a late-comer in the static block comes from a small reserve that the whole
/// process shares.
constexpr std::uint64_t largest_static_tls = 256;

/// An array of functions that the dynamic linker calls, each slot without looking.
struct called_array {
  std::uint64_t address;
  std::vector<bool> filled;  // by slot: a relocation stores the address of code there

  std::uint64_t size() const { return filled.size() * 8; }
};

struct relocation_check {
  explicit relocation_check(image& image)
      : elf(image), problems(image.report.problems, "relocations") {}

  image& elf;
  repeated_problem problems;
  std::vector<called_array> called;
  bool static_tls = false;
};

/// A relocation that writes to an array of functions must write the address of our code.
void fill_called(relocation_check& check, std::uint64_t address, std::uint64_t size,
                 std::optional<std::uint64_t> function) {
  for (called_array& array : check.called) {
    if (!range{array.address, array.size()}.overlaps(address, size))
      continue;
    const std::uint64_t inside = address - array.address;
    if (size == 8 && inside % 8 == 0 && function && check.elf.executable(*function))
      array.filled[inside / 8] = true;
    else
      check.problems.add("an initialiser or finisher, at ", hex(address), ", is not code");
  }
}

/// A relocation that writes `size` bytes: in our writable data, off the linker's tables.
void check_write(relocation_check& check, std::uint64_t address, std::uint64_t size,
                 std::optional<std::uint64_t> function = std::nullopt) {
  const Elf64_Phdr* load = check.elf.load_in_memory(address, size);
  if (load == nullptr)
    return check.problems.add("a relocation writes outside every mapped segment, at ",
                              hex(address));
  if ((load->p_flags & PF_W) == 0)
    return check.problems.add("a relocation writes to read-only memory, at ", hex(address));
  for (const range& table : check.elf.linker_tables) {
    if (table.overlaps(address, size))
      return check.problems.add("a relocation writes into a table of the dynamic linker, at ",
                                hex(address));
  }
  fill_called(check, address, size, function);
}

/// A thread-local relocation needs thread-local data where it points: the linker divides by its
/// alignment.
void check_thread_local(relocation_check& check, std::uint64_t index, const Elf64_Sym& symbol) {
  const bool own = index == 0 || symbol.st_shndx != SHN_UNDEF;
  if (own && !check.elf.tls_segment)
    check.problems.add("a thread-local relocation, but there is no thread-local data");
  else if (index != 0 && ELF64_ST_TYPE(symbol.st_info) != STT_TLS)
    check.problems.add("a thread-local relocation of a symbol that is not thread-local");
}

void check_one(relocation_check& check, const Elf64_Rela& relocation) {
  const std::uint64_t index = ELF64_R_SYM(relocation.r_info);
  const std::uint32_t type = ELF64_R_TYPE(relocation.r_info);
  const auto addend = static_cast<std::uint64_t>(relocation.r_addend);
  const std::optional<Elf64_Sym> symbol = check.elf.symbol(index);
  if (!symbol)
    return check.problems.add("a relocation of symbol ", index, ", which is not there");
  if (index != 0 && symbol->st_shndx != SHN_UNDEF && !dynamic_linker_knows(*symbol))
    return check.problems.add("a relocation of symbol ", index,
                              ", which is of a kind that the dynamic linker overlooks");
  switch (type) {
    case R_X86_64_NONE:
      return;
    case R_X86_64_RELATIVE:
      if (index != 0)
        check.problems.add("a relative relocation with a symbol");
      return check_write(check, relocation.r_offset, 8, addend);
    case R_X86_64_64:
      if (symbol->st_shndx == SHN_UNDEF)
        return check_write(check, relocation.r_offset, 8);
      return check_write(check, relocation.r_offset, 8, symbol->st_value + addend);
    case R_X86_64_GLOB_DAT:
    case R_X86_64_JUMP_SLOT:
    case R_X86_64_SIZE64:
      return check_write(check, relocation.r_offset, 8);
    case R_X86_64_TPOFF64:
      check.static_tls = true;
      [[fallthrough]];
    case R_X86_64_DTPMOD64:
    case R_X86_64_DTPOFF64:
      check_thread_local(check, index, *symbol);
      return check_write(check, relocation.r_offset, 8);
    case R_X86_64_TLSDESC:
      check_thread_local(check, index, *symbol);
      return check_write(check, relocation.r_offset, 16);
    case R_X86_64_IRELATIVE:
      return check.problems.add("a relocation by code that runs while it is loaded (IFUNC)");
    case R_X86_64_COPY:
      return check.problems.add("a copy relocation, which only a program can have");
    default:
      return check.problems.add("a relocation of type ", type,
                                ", which a shared object cannot have");
  }
}

/// A table of relocations with addends. Its first `relative` entries are promised to be relative.
void check_table(relocation_check& check, std::uint64_t offset, std::uint64_t size,
                 std::uint64_t relative) {
  const std::uint64_t count = size / sizeof(Elf64_Rela);
  if (relative > count)
    return check.elf.problem("DT_RELACOUNT counts more relocations than there are");
  for (std::uint64_t i = 0; i < count; i++) {
    const Elf64_Rela relocation = *check.elf.file.read<Elf64_Rela>(offset + i * sizeof(Elf64_Rela));
    if (i < relative && ELF64_R_TYPE(relocation.r_info) != R_X86_64_RELATIVE)
      check.problems.add("relocation ", i, " is promised to be relative and is not");
    check_one(check, relocation);
  }
}

/// Relative relocations packed as addresses and bitmaps (DT_RELR). The addend is what the place
/// holds in the file.
void check_packed(relocation_check& check, std::uint64_t offset, std::uint64_t size) {
  const auto relocate = [&check](std::uint64_t address) {
    const std::optional<std::uint64_t> place = check.elf.place(address, 8);
    check_write(check, address, 8,
                place ? check.elf.file.read<std::uint64_t>(*place) : std::nullopt);
  };
  std::uint64_t next = 0;
  bool started = false;
  for (std::uint64_t at = 0; at < size; at += 8) {
    std::uint64_t entry = *check.elf.file.read<std::uint64_t>(offset + at);
    if ((entry & 1) == 0) {
      relocate(entry);
      next = entry + 8;
      started = true;
      continue;
    }
    if (!started)
      return check.elf.problem("DT_RELR begins with a bitmap");
    for (std::uint64_t address = next; (entry >>= 1) != 0; address += 8) {
      if ((entry & 1) != 0)
        relocate(address);
    }
    next += std::uint64_t{63} * 8;
  }
}

/// The place in the file of a table that the dynamic section gives by address and size.
std::optional<table> sized_table(image& elf, std::int64_t address_tag, std::int64_t size_tag,
                                 std::uint64_t entry_size, std::string_view name) {
  const std::optional<std::uint64_t> address = elf.value_of(address_tag);
  const std::optional<std::uint64_t> size = elf.value_of(size_tag);
  if (!address && !size)
    return std::nullopt;
  const std::optional<std::uint64_t> place =
      address && size ? elf.place(*address, *size) : std::nullopt;
  if (!place || *size % entry_size != 0) {
    elf.problem(name, " lies outside the file's segments or has an impossible size");
    return std::nullopt;
  }
  return table{*place, *size};
}

void guard_table(image& elf, std::int64_t address_tag, const std::optional<table>& table) {
  if (table)
    elf.linker_tables.push_back({*elf.value_of(address_tag), table->size});
}

void check_entry_size(image& elf, std::int64_t tag, std::uint64_t expected, std::string_view name) {
  if (elf.value_of(tag).value_or(0) != expected)
    elf.problem(name, " is missing or wrong");
}

void read_called(relocation_check& check, std::int64_t address_tag, std::int64_t size_tag,
                 std::string_view name) {
  const std::optional<table> found = sized_table(check.elf, address_tag, size_tag, 8, name);
  if (!found)
    return;
  const std::uint64_t address = *check.elf.value_of(address_tag);
  for (const called_array& other : check.called) {
    if (range{other.address, other.size()}.overlaps(address, found->size))
      check.elf.problem("the arrays of initialisers and finishers overlap");
  }
  check.called.push_back({address, std::vector<bool>(found->size / sizeof(Elf64_Addr))});
}

void check_all_filled(relocation_check& check) {
  for (const called_array& array : check.called) {
    if (std::find(array.filled.begin(), array.filled.end(), false) != array.filled.end())
      check.elf.problem("the array of initialisers or finishers at ", hex(array.address),
                        " has a slot that no relocation fills");
  }
}

void check_static_tls(image& elf, bool static_tls) {
  if ((elf.value_of(DT_FLAGS).value_or(0) & DF_STATIC_TLS) == 0 && !static_tls)
    return;
  if (elf.tls_segment && elf.tls_segment->p_memsz > largest_static_tls)
    elf.problem("it asks for ", elf.tls_segment->p_memsz,
                " bytes of static thread-local data; at most ", largest_static_tls,
                " are granted (build without -ftls-model=initial-exec)");
}

}  // namespace

void check_relocations(image& elf) {
  relocation_check check(elf);
  read_called(check, DT_INIT_ARRAY, DT_INIT_ARRAYSZ, "DT_INIT_ARRAY");
  read_called(check, DT_FINI_ARRAY, DT_FINI_ARRAYSZ, "DT_FINI_ARRAY");

  const auto plain = sized_table(elf, DT_RELA, DT_RELASZ, sizeof(Elf64_Rela), "DT_RELA");
  const auto calls = sized_table(elf, DT_JMPREL, DT_PLTRELSZ, sizeof(Elf64_Rela), "DT_JMPREL");
  const auto packed = sized_table(elf, DT_RELR, DT_RELRSZ, sizeof(Elf64_Relr), "DT_RELR");
  if (plain)
    check_entry_size(elf, DT_RELAENT, sizeof(Elf64_Rela), "DT_RELAENT");
  if (calls || elf.value_of(DT_PLTREL))
    check_entry_size(elf, DT_PLTREL, DT_RELA, "DT_PLTREL");
  if (packed)
    check_entry_size(elf, DT_RELRENT, sizeof(Elf64_Relr), "DT_RELRENT");
  guard_table(elf, DT_RELA, plain);
  guard_table(elf, DT_JMPREL, calls);
  guard_table(elf, DT_RELR, packed);

  if (packed)
    check_packed(check, packed->offset, packed->size);
  if (plain)
    check_table(check, plain->offset, plain->size, elf.value_of(DT_RELACOUNT).value_or(0));
  if (calls)
    check_table(check, calls->offset, calls->size, 0);
  check.problems.close();
  check_all_filled(check);
  check_static_tls(elf, check.static_tls);
}

void check_functions(image& elf) {
  const std::optional<std::uint64_t> init = elf.value_of(DT_INIT);
  if (init && !elf.executable(*init))
    elf.problem("DT_INIT is not code");
  const std::optional<std::uint64_t> fini = elf.value_of(DT_FINI);
  if (fini && !elf.executable(*fini))
    elf.problem("DT_FINI is not code");
}

}  // namespace khelp::elf
