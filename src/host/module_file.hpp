#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <khelp/module.h>
#include <khelp/result.hpp>

#include "core/points/event_types.hpp"
#include "elf/reader.hpp"

/// What a helper's file says about itself (khelp/module.h), read from its bytes: names, versions,
/// dependencies and the layouts it was compiled against. None of its code runs for that; the
/// pointers of a record are looked at after mapping, at the place that is noted here.

namespace khelp {

struct declared_module {
  std::string name;
  std::uint32_t personality;  // enum khelp_modinfo_personality
  std::uint32_t version;
  std::uint32_t classes;
  std::uint64_t data_size;
  std::uint64_t subsystem;
  std::uint64_t order;
  std::uint64_t record;  // where its struct khelp_modinfo_module will be, from the base
};

/// A version of an interface that the file offers to others.
struct offered_interface {
  std::string name;
  std::int32_t version;
};

struct module_dependency {
  std::string module;  // who needs it
  std::string name;
  std::int32_t minimum;
  std::int32_t preferred;
  std::int32_t maximum;

  /// The preferred version does even if it lies outside the range, as in FreeBSD.
  bool accepts(std::int32_t version) const {
    return version == preferred || (version >= minimum && version <= maximum);
  }
};

/// A layout that the file was compiled against.
struct named_layout {
  std::string name;
  event_layout layout;
};

/// A linker set of the file: where it will be, from the base; of no size when there is none.
struct linker_set {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

/// Its start and end functions, and its variables per instance (khelp/sysinit.h).
struct startup_sets {
  linker_set starts;
  linker_set ends;
  linker_set templates;
  linker_set variables;
};

struct module_file {
  elf_summary elf;
  std::vector<declared_module> modules;  // in the order of their initialisation
  std::vector<offered_interface> offers;
  std::vector<module_dependency> needs;  // without those that the file satisfies itself
  std::vector<named_layout> events;
  startup_sets sets;
  std::vector<std::string> problems;  // of the ELF structure and of the records, all of them

  bool sound() const noexcept { return problems.empty(); }
};

/// Judge a file and read its records.
///
/// Errors   ENOMEM. What is wrong with the file is told by the problems.
result<module_file> read_module_file(std::span<const std::byte> bytes);

}  // namespace khelp
