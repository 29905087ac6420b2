#include "host/file_sets.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace khelp {
namespace {

template <class T>
T* at(const mapping& code, std::uint64_t address) {
  return reinterpret_cast<T*>(code.base() + address);
}

// [begin, end) of a set; the same pointer twice for none.
template <class T>
void place(const mapping& code, const linker_set& set, T*& begin, T*& end) {
  begin = at<T>(code, set.address);
  end = at<T>(code, set.address + set.size);
}

bool lead_to_records(const mapping& code, const khelp_sysinit* const* begin,
                     const khelp_sysinit* const* end) {
  return std::all_of(begin, end, [&](const khelp_sysinit* record) {
    return code.contains(record, sizeof *record) &&
           reinterpret_cast<std::uintptr_t>(record) % alignof(khelp_sysinit) == 0;
  });
}

}  // namespace

result<khelp_file_sets> mapped_sets(const mapping& code, const startup_sets& sets) {
  khelp_file_sets mapped{};
  mapped.size = sizeof mapped;
  mapped.file = at<const void>(code, 0);
  place(code, sets.starts, mapped.starts, mapped.starts_end);
  place(code, sets.ends, mapped.ends, mapped.ends_end);
  place(code, sets.variables, mapped.variables, mapped.variables_end);
  mapped.templates = at<void>(code, sets.templates.address);
  mapped.templates_end = at<void>(code, sets.templates.address + sets.templates.size);
  if (!lead_to_records(code, mapped.starts, mapped.starts_end) ||
      !lead_to_records(code, mapped.ends, mapped.ends_end))
    return failure(ENOEXEC, "its start or end functions lie outside the file");
  return mapped;
}

}  // namespace khelp
