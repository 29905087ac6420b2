/// Addresses and ports as people write them.
#pragma once

#include <string>

#include <khelp/tcp.h>

namespace khelp::tcp {

/// "192.0.2.1:80", "[2001:db8::1]:80": the end itself, and the one it talks to.
std::string local_text(const khelp_inpcb& who);
std::string foreign_text(const khelp_inpcb& who);

}  // namespace khelp::tcp
