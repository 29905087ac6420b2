// Layouts of event types that this process knows, by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <khelp/module.h>
#include <khelp/result.hpp>

namespace khelp {

// What is known of a layout beside its fingerprint. size 0: nothing is.
struct event_layout {
  std::uint64_t fingerprint = 0;
  std::uint64_t size = 0;
  std::vector<khelp_event_field> fields;  // in the order of the declaration
};

// What a record says, with the bytes that follow it. EINVAL: its sizes do not fit.
result<event_layout> layout_in(const khelp_modinfo_fields& record,
                               std::span<const std::byte> behind_it);
// Of one that its maker vouches for: its fields follow it in memory.
result<event_layout> layout_in(const khelp_modinfo_fields& record);

// EEXIST: the name is known with another fingerprint.
result<void> declare_event(const std::string& name, event_layout layout);
// The fingerprint 0: nobody declared it.
event_layout known_event(const std::string& name);

// Between two layouts of one name, for people: which fields differ and how, and the sizes. `theirs` is
// "there", `ours` is "here".
std::string layout_difference(const event_layout& theirs, const event_layout& ours);

}  // namespace khelp
