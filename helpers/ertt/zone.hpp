/// The zone that segment records come from.
#pragma once

namespace khelp::ertt {

/// ENOMEM: there is none; nothing is left behind (E-3).
int open_zone() noexcept;
/// Every record must have been given back.
void close_zone() noexcept;

}  // namespace khelp::ertt
