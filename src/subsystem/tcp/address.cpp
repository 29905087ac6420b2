#include "subsystem/tcp/address.hpp"

#include <arpa/inet.h>

namespace khelp::tcp {

namespace {

std::string ipv6_text(const uint8_t* address, uint16_t port) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, address, text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(port);
}

/// inet_ntop() prints through printf, which takes longer than a segment takes to be followed.
std::string ipv4_text(const uint8_t* address, uint16_t port) {
  std::string text;
  text.reserve(sizeof "255.255.255.255:65535");
  for (int i = 0; i < 4; ++i) {
    text += std::to_string(address[i]);
    text += i < 3 ? '.' : ':';
  }
  return text += std::to_string(port);
}

std::string text(bool ipv6, const uint8_t* address, uint16_t port_in_network_order) {
  const uint16_t port = ntohs(port_in_network_order);
  return ipv6 ? ipv6_text(address, port) : ipv4_text(address, port);
}

}  // namespace

std::string local_text(const khelp_inpcb& who) {
  return text(who.inp_vflag == KHELP_INP_IPV6, who.inp_laddr, who.inp_lport);
}

std::string foreign_text(const khelp_inpcb& who) {
  return text(who.inp_vflag == KHELP_INP_IPV6, who.inp_faddr, who.inp_fport);
}

}  // namespace khelp::tcp
