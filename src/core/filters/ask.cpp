// A run of a socket's filters: each is asked by the function of its own that the call is for.
#include "core/filters/socket_filters.hpp"
#include "core/lists/hook_lists.hpp"

namespace khelp {
namespace {

struct question {
  const khelp_sflt_call& call;
  int answer = 0;
};

template <class Fn, class... Args>
int ask(Fn fn, Args... args) {
  return fn == nullptr ? 0 : fn(args...);
}

int answer(const khelp_sflt_filter& f, void* cookie, khelp_socket* so, const khelp_sflt_call& c) {
  switch (static_cast<khelp_sflt_question>(c.question)) {
    case KHELP_SFLT_NOTIFY:
      if (f.sf_notify != nullptr)
        f.sf_notify(cookie, so, c.flags, c.param);
      return 0;
    case KHELP_SFLT_GETPEERNAME:
      return ask(f.sf_getpeername, cookie, so, c.name);
    case KHELP_SFLT_GETSOCKNAME:
      return ask(f.sf_getsockname, cookie, so, c.name);
    case KHELP_SFLT_DATA_IN:
      return ask(f.sf_data_in, cookie, so, c.address, c.data, c.control, c.flags);
    case KHELP_SFLT_DATA_OUT:
      return ask(f.sf_data_out, cookie, so, c.address, c.data, c.control, c.flags);
    case KHELP_SFLT_CONNECT_IN:
      return ask(f.sf_connect_in, cookie, so, c.address);
    case KHELP_SFLT_CONNECT_OUT:
      return ask(f.sf_connect_out, cookie, so, c.address);
    case KHELP_SFLT_BIND:
      return ask(f.sf_bind, cookie, so, c.address);
    case KHELP_SFLT_SETOPTION:
      return ask(f.sf_setoption, cookie, so, c.option);
    case KHELP_SFLT_GETOPTION:
      return ask(f.sf_getoption, cookie, so, c.option);
    case KHELP_SFLT_LISTEN:
      return ask(f.sf_listen, cookie, so);
    case KHELP_SFLT_IOCTL:
      return ask(f.sf_ioctl, cookie, so, c.request, c.argp);
    case KHELP_SFLT_ACCEPT:
      return ask(f.sf_accept, cookie, so, c.accepted, c.address, c.remote);
  }
  return 0;
}

int is_unanswered(void*, void* asked) {
  return static_cast<const question*>(asked)->answer == 0 ? 1 : 0;
}

}  // namespace

void ask_one_filter(void* asked, void* arg) {
  auto& q = *static_cast<question*>(asked);
  const auto& attachment = *static_cast<const filter_attachment*>(arg);
  q.answer = answer(attachment.filter.calls, attachment.cookie, attachment.so, q.call);
}

int ask_filters(filtered_socket& socket, const khelp_sflt_call& call) {
  question q{call};
  const std::uint32_t order = call.oldest_first != 0 ? 0 : KHELP_HOOK_REVERSE;
  run_hook_list(*socket.list, {order, true, &q, is_unanswered, &q});
  return q.answer;
}

}  // namespace khelp
