#include "subsystem/tcp/address.hpp"

#include <arpa/inet.h>

namespace khelp::tcp {

namespace {

std::string text(bool ipv6, const uint8_t* address, uint16_t port_in_network_order) {
  char words[INET6_ADDRSTRLEN] = "";
  inet_ntop(ipv6 ? AF_INET6 : AF_INET, address, words, sizeof words);
  const std::string port = std::to_string(ntohs(port_in_network_order));
  return ipv6 ? "[" + std::string(words) + "]:" + port : std::string(words) + ":" + port;
}

}  // namespace

std::string local_text(const khelp_inpcb& who) {
  return text(who.inp_vflag == KHELP_INP_IPV6, who.inp_laddr, who.inp_lport);
}

std::string foreign_text(const khelp_inpcb& who) {
  return text(who.inp_vflag == KHELP_INP_IPV6, who.inp_faddr, who.inp_fport);
}

}  // namespace khelp::tcp
