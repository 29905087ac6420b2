// Layouts of event types that this process knows, by name.
#pragma once

#include <cstdint>
#include <string>

#include <khelp/result.hpp>

namespace khelp {

// EEXIST: the name is known with another fingerprint.
result<void> declare_event(const std::string& name, std::uint64_t fingerprint);
// 0: nobody declared it.
std::uint64_t event_fingerprint(const std::string& name);

}  // namespace khelp
