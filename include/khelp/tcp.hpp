/// The TCP subsystem's event for the C++ face. A helper hooks its points so:
///
///     int acknowledged(khelp_tcp_hhook_data& segment, state& s);
///     khelp::hook<acknowledged>(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN)
#ifndef KHELP_TCP_HPP
#define KHELP_TCP_HPP

#include <cstdint>

#include <khelp/khelp.hpp>
#include <khelp/tcp.h>

/// Both points hand out this event; tcp.h emits its record.
template <>
struct khelp::event_traits<khelp_tcp_hhook_data> {
  static constexpr const char* name = "khelp_tcp_hhook_data";
  static constexpr std::uint64_t fingerprint =
      KHELP_FINGERPRINT(khelp_tcp_hhook_data, KHELP_TCP_HHOOK_DATA_FIELDS);
};

#endif
