// Socket filters: the C face.
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>

#include <khelp/sflt.h>

#include "base/cold_call.hpp"
#include "base/failure_text.hpp"
#include "core/filters/socket_filters.hpp"

namespace khelp {
namespace {

constexpr int all_flags =
    KHELP_SFLT_GLOBAL | KHELP_SFLT_PROG | KHELP_SFLT_EXTENDED | KHELP_SFLT_EXTENDED_REGISTRY;

// The protocol that 0 stands for; -1: there is none such.
int usual_protocol(int type, int protocol) {
  if (type == SOCK_STREAM)
    return protocol == 0 || protocol == IPPROTO_TCP ? IPPROTO_TCP : -1;
  if (type == SOCK_DGRAM && protocol == 0)
    return IPPROTO_UDP;
  const bool datagrams =
      protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
  if ((type == SOCK_DGRAM && datagrams) ||
      (type == SOCK_RAW && protocol >= 0 && protocol < IPPROTO_MAX))
    return protocol;
  return -1;
}

result<void> register_filter(const khelp_sflt_filter* filter, int domain, int type, int protocol) {
  if (domain != PF_INET && domain != PF_INET6)
    return failure(ENOTSUP, "socket filter: only PF_INET and PF_INET6 have filters");
  const int usual = usual_protocol(type, protocol);
  if (usual == -1)
    return failure(ENOENT, "socket filter: the domain has no such type and protocol");
  if (filter == nullptr || filter->sf_handle == 0 || filter->sf_name == nullptr ||
      filter->sf_attach == nullptr || filter->sf_detach == nullptr)
    return failure(EINVAL, "socket filter: it needs a handle, a name, attach and detach");
  if ((filter->sf_flags & ~all_flags) != 0)
    return failure(EINVAL, "socket filter: it has flags that there are none");
  if ((filter->sf_flags & static_cast<int>(KHELP_SFLT_EXTENDED)) != 0 &&
      filter->sf_len < sizeof filter->sf_ext)
    return failure(EINVAL, "socket filter: the extension is shorter than it should be");
  return the_socket_filters().add(*filter, {domain, type, usual});
}

}  // namespace
}  // namespace khelp

using namespace khelp;

extern "C" {

int khelp_sflt_register(const khelp_sflt_filter* filter, int domain, int type, int protocol) {
  return cold_call([&] { return register_filter(filter, domain, type, protocol); });
}

int khelp_sflt_unregister(uint32_t handle) {
  return cold_call([&] { return the_socket_filters().remove(handle); });
}

int khelp_sflt_wait(uint32_t handle) {
  return cold_call([&] { return the_socket_filters().wait_until_gone(handle); });
}

int khelp_sflt_attach(khelp_socket* so, uint32_t handle) {
  return cold_call([&] { return the_socket_filters().attach(so, handle); });
}

int khelp_sflt_detach(khelp_socket* so, uint32_t handle) {
  return cold_call([&] { return the_socket_filters().detach(so, handle); });
}

khelp_sflt_socket* khelp_sflt_socket_open(khelp_socket* so, int domain, int type, int protocol) {
  filtered_socket* socket = nullptr;
  cold_call([&]() -> result<void> {
    if (so == nullptr)
      return failure(EINVAL, "socket filter: no socket");
    const int usual = usual_protocol(type, protocol);
    auto opened = the_socket_filters().open(so, {domain, type, usual == -1 ? protocol : usual});
    if (!opened)
      return std::move(opened).error();
    socket = *opened;
    return {};
  });
  return socket;
}

int khelp_sflt_socket_close(khelp_sflt_socket* socket) {
  return cold_call(
      [&] { return the_socket_filters().close(static_cast<filtered_socket&>(*socket)); });
}

int khelp_sflt_ask(khelp_sflt_socket* socket, const khelp_sflt_call* call) {
  if (call->question > KHELP_SFLT_ACCEPT) {
    set_failure_text("socket filter: there is no such question");
    return EINVAL;
  }
  return ask_filters(static_cast<filtered_socket&>(*socket), *call);
}

}  // extern "C"
