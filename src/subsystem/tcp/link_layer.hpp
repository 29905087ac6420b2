/// The link types whose frames can hold TCP segments for us.
#pragma once

#include <cstdint>

namespace khelp::tcp {

/// What a frame begins with.
enum class link_layer : uint8_t {
  ethernet,
  raw_ip,         ///< an IPv4 or IPv6 header
  linux_cooked,   ///< "any" device, 16-byte header
  linux_cooked2,  ///< the same, 20-byte header
  null,           ///< BSD loopback: address family in 4 bytes of either order
  pppoe,          ///< PPPoE session header
};

}  // namespace khelp::tcp
