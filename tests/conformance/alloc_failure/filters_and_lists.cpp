// Socket filters and hook lists.
#include <cerrno>
#include <sys/socket.h>
#include <vector>

#include <khelp/hook_list.h>
#include <khelp/sflt.h>

#include "fixtures.hpp"

namespace alloc {
namespace {

khelp_hook_list* list = nullptr;
khelp_hook* listed = nullptr;
void on_list(void*) {
  ++calls;
}
void make_list() {
  list = khelp_hook_alloc("ours");
  demand(list != nullptr, "a hook list");
}
void end_list() {
  khelp_hook_free(list);
  list = nullptr;
}
void make_list_with_hook() {
  make_list();
  listed = khelp_hook_register(list, on_list, nullptr);
  demand(listed != nullptr, "a hook on it");
  calls = 0;
}
int a_socket_of_ours;
khelp_socket* const so = reinterpret_cast<khelp_socket*>(&a_socket_of_ours);
khelp_sflt_socket* filtered;
int add_filter() {
  khelp_sflt_filter filter{};
  filter.sf_handle = 1;
  filter.sf_name = "a filter whose name is not a short one";
  filter.sf_attach = [](void**, khelp_socket*) { return 0; };
  filter.sf_detach = [](void*, khelp_socket*) {};
  return khelp_sflt_register(&filter, AF_INET, SOCK_STREAM, 0);
}
int open_socket() {
  filtered = khelp_sflt_socket_open(so, AF_INET, SOCK_STREAM, 0);
  return filtered != nullptr ? 0 : ENOMEM;
}
void make_filter() {
  demand(add_filter() == 0, "a filter");
}
void end_filter() {
  khelp_sflt_unregister(1);
  demand(khelp_sflt_wait(1) == 0, "its end");
}
void make_filter_and_socket() {
  make_filter();
  demand(open_socket() == 0, "a socket");
}
void make_attached_filter() {
  make_filter_and_socket();
  demand(khelp_sflt_attach(so, 1) == 0, "the filter on it");
}
void close_socket() {
  demand(khelp_sflt_socket_close(filtered) == 0, "its end");
}
void end_filter_and_socket() {
  close_socket();
  end_filter();
}

}  // namespace

std::vector<row> rows_of_filters_and_lists() {
  return {
      // socket filters
      {"khelp_sflt_register", nothing, add_filter, end_filter},
      {"khelp_sflt_unregister", make_attached_filter, [] { return khelp_sflt_unregister(1); },
       end_filter_and_socket},
      {"khelp_sflt_wait", make_attached_filter,
       [] {
         (void)khelp_sflt_unregister(1);
         return khelp_sflt_wait(1);
       },
       end_filter_and_socket},
      {"khelp_sflt_attach", make_filter_and_socket, [] { return khelp_sflt_attach(so, 1); },
       end_filter_and_socket},
      {"khelp_sflt_detach", make_attached_filter, [] { return khelp_sflt_detach(so, 1); },
       end_filter_and_socket},
      {"khelp_sflt_socket_open", nothing, open_socket, close_socket},
      {"khelp_sflt_socket_close", make_attached_filter,
       [] { return khelp_sflt_socket_close(filtered); }, end_filter},
      {"khelp_sflt_ask", make_attached_filter,
       [] {
         khelp_sflt_call call{};
         call.question = KHELP_SFLT_LISTEN;
         return khelp_sflt_ask(filtered, &call);
       },
       end_filter_and_socket},
      // hook lists
      {"khelp_hook_alloc", nothing,
       [] {
         list = khelp_hook_alloc("ours");
         return made(list);
       },
       end_list},
      {"khelp_hook_free", make_list_with_hook,
       [] {
         const int answer = khelp_hook_free(list);
         list = nullptr;
         return answer;
       },
       nothing},
      {"khelp_hook_register_x", make_list,
       [] {
         khelp_hook_x x{};
         x.size = sizeof x;
         x.callback = on_list;
         return made(khelp_hook_register_x(list, &x));
       },
       end_list},
      {"khelp_hook_unregister", make_list_with_hook,
       [] { return khelp_hook_unregister(list, listed, 0); }, end_list},
      {"khelp_hook_unregister_held", make_list_with_hook,
       [] {
         return khelp_hook_unregister_held(
             list, listed, 0, [](void*) {}, [](void*) {}, nullptr);
       },
       end_list},
      {"khelp_hook_run", make_list_with_hook,
       [] { return khelp_hook_run(list, 0, nullptr, nullptr) == 0 && calls > 0 ? 0 : silent; },
       end_list},
      {"khelp_hook_run that takes hooks off", make_list_with_hook,
       [] {
         khelp_hook_run(list, KHELP_HOOK_UNREGISTER, nullptr, nullptr);
         return calls == 1 && khelp_hook_count(list) == 0 ? 0 : silent;
       },
       end_list},
      {"khelp_hook_proc_run", make_list_with_hook,
       [] {
         return khelp_hook_proc_run(list, 0, nullptr, nullptr, nullptr) == 0 && calls > 0 ? 0
                                                                                          : silent;
       },
       end_list},
      {"khelp_hook_resume",
       [] {
         make_list();
         listed = khelp_hook_register(
             list, [](void*) { throw 1; }, nullptr);
         khelp_hook_run(list, 0, nullptr, nullptr);
       },
       [] { return khelp_hook_resume(list, listed); }, end_list},
      {"khelp_hook_list_each", make_list_with_hook,
       [] {
         int hooks = 0;
         const int answer = khelp_hook_list_each(
             list, [](void* arg, const khelp_hook_info*) { ++*static_cast<int*>(arg); }, &hooks);
         return answer == 0 && hooks != 1 ? silent : answer;
       },
       end_list},
      {"khelp_hook_count",
       make_list_with_hook,
       [] { return khelp_hook_count(list) == 1 ? 0 : silent; },
       end_list,
       {},
       "counts"},
      {"khelp_hooks_of_process",
       nothing,
       [] { return made(khelp_hooks_of_process(KHELP_HOOKS_FORK)); },
       nothing,
       {ENOMEM},
       nullptr,
       "the process's lists stay"},
  };
}

}  // namespace alloc
