#include "host/module_file.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>

#include <khelp/khelp.h>
#include <khelp/sysinit.h>
#include <khelp/vnet.h>

#include "base/text.hpp"

namespace khelp {
namespace {

/// The records of a section, one after the other.
class record_reader {
 public:
  record_reader(std::span<const std::byte> section, std::uint64_t address, module_file& file)
      : section_(section), address_(address), file_(file) {}

  void read_all() {
    while (at_ < section_.size()) {
      if (word_at(at_) == 0)
        at_ += sizeof(std::uint64_t);  // padding
      else if (!read_one())
        return;
    }
  }

 private:
  std::uint64_t word_at(std::size_t at) const {
    std::uint64_t word = 0;
    std::memcpy(&word, section_.data() + at, std::min(sizeof word, section_.size() - at));
    return word;
  }

  /// False when no further record can be found.
  bool read_one() {
    if (++records_ > most_records)
      return refuse("is one too many");
    khelp_modinfo_header header;
    if (section_.size() - at_ < sizeof header)
      return refuse("is cut");
    std::memcpy(&header, section_.data() + at_, sizeof header);
    if (header.magic != KHELP_MODINFO_MAGIC)
      return refuse("does not begin as one");
    if (header.size % 8 != 0 || header.size < sizeof header || header.size > section_.size() - at_)
      return refuse("has an impossible size");
    if (header.abi != KHELP_ABI) {
      file_.problems.push_back(concat("it was made for version ", header.abi,
                                      " of the module interface; this library has version ",
                                      KHELP_ABI, ": compile it again"));
      return false;
    }
    switch (header.kind) {
      case KHELP_MODINFO_MODULE:
        with<khelp_modinfo_module>(header.size, [this](const auto& r) { add_module(r); });
        break;
      case KHELP_MODINFO_VERSION:
        with<khelp_modinfo_version>(header.size, [this](const auto& r) { add_version(r); });
        break;
      case KHELP_MODINFO_DEPEND:
        with<khelp_modinfo_depend>(header.size, [this](const auto& r) { add_dependency(r); });
        break;
      case KHELP_MODINFO_EVENT:
        with<khelp_modinfo_event>(header.size, [this](const auto& r) { add_event(r); });
        break;
      case KHELP_MODINFO_FIELDS:
        with<khelp_modinfo_fields>(header.size, [this](const auto& r) { add_fields(r); });
        break;
      default:
        break;  // of a newer library; its absence changes nothing for what we know
    }
    at_ += header.size;
    return true;
  }

  bool refuse(std::string_view why) {
    file_.problems.push_back(concat("the module record at ", at_, " ", why));
    return false;
  }

  template <class Record, class Add>
  void with(std::uint32_t size, Add add) {
    if (size < sizeof(Record)) {
      refuse("is too short for its kind");
      return;
    }
    Record record;
    std::memcpy(&record, section_.data() + at_, sizeof record);
    add(record);
  }

  /// A name in a record: ended, not empty, printable; and no path, since modules are searched by
  /// it.
  template <std::size_t N>
  std::optional<std::string> name_in(const char (&field)[N]) {
    const std::size_t length = strnlen(field, N);
    const bool printable =
        std::all_of(field, field + length, [](char c) { return c >= ' ' && c <= '~' && c != '/'; });
    if (length != 0 && length != N && printable)
      return std::string(field, length);
    refuse("has no readable name");
    return std::nullopt;
  }

  void add_module(const khelp_modinfo_module& record) {
    const std::optional<std::string> name = name_in(record.name);
    if (!name)
      return;
    if (record.personality != KHELP_PERSONALITY_NATIVE &&
        record.personality != KHELP_PERSONALITY_FREEBSD) {
      file_.problems.push_back(
          concat("module ", quoted(*name), " is of an unknown kind, ", record.personality));
      return;
    }
    const bool native = record.personality == KHELP_PERSONALITY_NATIVE;
    // A native helper starts where helpers of FreeBSD's style do.
    const std::uint64_t subsystem = native ? KHELP_SI_SUB_KLD : record.subsystem;
    const std::uint64_t order = native ? KHELP_SI_ORDER_ANY : record.order;
    if (native && name->size() >= KHELP_HELPER_NAME_MAXLEN)
      file_.problems.push_back(concat("the helper's name ", quoted(*name), " is too long"));
    if (std::any_of(file_.modules.begin(), file_.modules.end(),
                    [&](const declared_module& m) { return m.name == *name; }))
      file_.problems.push_back(concat("it declares module ", quoted(*name), " twice"));
    file_.modules.push_back({*name, record.personality, record.version, record.classes,
                             record.data_size, subsystem, order, address_ + at_});
    if (native)
      file_.offers.push_back({*name, static_cast<std::int32_t>(record.version)});
  }

  void add_version(const khelp_modinfo_version& record) {
    if (const std::optional<std::string> name = name_in(record.name))
      file_.offers.push_back({*name, record.version});
  }

  void add_dependency(const khelp_modinfo_depend& record) {
    const std::optional<std::string> module = name_in(record.module);
    const std::optional<std::string> name = module ? name_in(record.name) : std::nullopt;
    if (!name)
      return;
    if (record.minimum > record.maximum)
      file_.problems.push_back(concat("module ", quoted(*module), " needs ", quoted(*name),
                                      " in an empty range of versions, ", record.minimum, " to ",
                                      record.maximum));
    file_.needs.push_back({*module, *name, record.minimum, record.preferred, record.maximum});
  }

  /// Every object file that sees a point's header carries its records, so they repeat. A file of an
  /// older compilation has no record of the fields.
  void add_layout(const std::string& name, event_layout layout) {
    const auto known = std::find_if(file_.events.begin(), file_.events.end(),
                                    [&](const named_layout& e) { return e.name == name; });
    if (known == file_.events.end())
      file_.events.push_back({name, std::move(layout)});
    else if (known->layout.fingerprint != layout.fingerprint)
      file_.problems.push_back(concat("its parts were compiled against different layouts of ",
                                      quoted(name), layout_difference(layout, known->layout)));
    else if (known->layout.fields.empty())
      known->layout.fields = std::move(layout.fields);
  }

  void add_event(const khelp_modinfo_event& record) {
    if (const std::optional<std::string> name = name_in(record.name))
      add_layout(*name, {record.fingerprint, record.event_size, {}});
  }

  void add_fields(const khelp_modinfo_fields& record) {
    const std::optional<std::string> name = name_in(record.name);
    if (!name)
      return;
    auto layout = layout_in(
        record, section_.subspan(at_ + sizeof record, record.header.size - sizeof record));
    if (!layout) {
      refuse("is too short for its fields");
      return;
    }
    for (const khelp_event_field& field : layout->fields) {
      if (!name_in(field.name))
        return;
    }
    add_layout(*name, std::move(*layout));
  }

  std::span<const std::byte> section_;
  std::uint64_t address_;
  module_file& file_;
  static constexpr std::size_t most_records = 4096;
  std::size_t at_ = 0;
  std::size_t records_ = 0;
};

/// FreeBSD runs a file's modules by (subsystem, order), and equal ones as they were linked.
void order_modules(module_file& file) {
  std::stable_sort(file.modules.begin(), file.modules.end(),
                   [](const declared_module& a, const declared_module& b) {
                     return std::tie(a.subsystem, a.order) < std::tie(b.subsystem, b.order);
                   });
}

/// A module without a version of its own takes that of the interface of its name.
void adopt_versions(module_file& file) {
  for (declared_module& module : file.modules) {
    for (const offered_interface& offer : file.offers) {
      if (module.version == 0 && offer.name == module.name)
        module.version = static_cast<std::uint32_t>(offer.version);
    }
  }
}

/// What the file offers itself, it does not need from others.
void drop_own_needs(module_file& file) {
  std::erase_if(file.needs, [&](const module_dependency& need) {
    const auto own = [&](const offered_interface& offer) { return offer.name == need.name; };
    return std::any_of(file.offers.begin(), file.offers.end(), own);
  });
}

/// Where a set lies whose elements have so many bytes.
linker_set find_set(module_file& file, std::string_view name, std::uint64_t element) {
  const auto named = [&](const elf_section& s) { return s.name == name; };
  const elf_section* section = find_section(file.elf, name);
  if (section == nullptr) {
    if (std::any_of(file.elf.sections.begin(), file.elf.sections.end(), named))
      file.problems.push_back(concat("it has several sections ", name));
    return {};
  }
  const std::uint64_t limit = file.elf.memory_size;
  const bool whole =
      section->size % element == 0 && (element == 1 || section->address % sizeof(void*) == 0);
  const bool mapped = section->address != 0 && section->address <= limit &&
                      section->size <= limit - section->address;
  if (!whole || !mapped)
    file.problems.push_back(concat("the section ", name, " is not mapped properly"));
  return {section->address, section->size};
}

void read_sets(module_file& file) {
  file.sets.starts = find_set(file, KHELP_SYSINIT_SECTION, sizeof(void*));
  file.sets.ends = find_set(file, KHELP_SYSUNINIT_SECTION, sizeof(void*));
  file.sets.templates = find_set(file, KHELP_VNET_SECTION, 1);
  file.sets.variables = find_set(file, KHELP_VNET_VARIABLES_SECTION, sizeof(khelp_vnet_variable));
  if (file.sets.variables.size != 0 && file.sets.templates.size == 0)
    file.problems.emplace_back("it has variables per instance without templates");
}

void read_records(std::span<const std::byte> bytes, module_file& file) {
  const elf_section* section = find_section(file.elf, KHELP_MODINFO_SECTION);
  if (section == nullptr) {
    const auto named = [](const elf_section& s) { return s.name == KHELP_MODINFO_SECTION; };
    const bool several = std::any_of(file.elf.sections.begin(), file.elf.sections.end(), named);
    file.problems.emplace_back(several ? "it has several sections " KHELP_MODINFO_SECTION
                                       : "it is no helper: it has no section " KHELP_MODINFO_SECTION
                                         " (KHELP_MODULE or DECLARE_MODULE make one)");
    return;
  }
  const bool mapped = section->address != 0 && section->address % 8 == 0;
  if (!mapped || section->offset > bytes.size() || section->size > bytes.size() - section->offset) {
    file.problems.emplace_back("the section " KHELP_MODINFO_SECTION " is not mapped properly");
    return;
  }
  record_reader(section_bytes(bytes, *section), section->address, file).read_all();
  if (file.modules.empty() && file.sound())
    file.problems.emplace_back("it declares no module");
  order_modules(file);
  adopt_versions(file);
  drop_own_needs(file);
  read_sets(file);
}

}  // namespace

result<module_file> read_module_file(std::span<const std::byte> bytes) {
  result<elf_report> report = read_elf(bytes);
  if (!report)
    return std::move(report.error());
  module_file file;
  file.elf = std::move(report->summary);
  file.problems = std::move(report->problems);
  // A damaged file may still tell who it is; a file that is no ELF file tells nothing more.
  if (!file.elf.sections.empty())
    read_records(bytes, file);
  return file;
}

}  // namespace khelp
