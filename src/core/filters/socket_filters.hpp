// Socket filters, the sockets they may join, and which is on which.
//
// A socket's filters are the hooks of a hook list of its own, run newest first until one answers;
// so entering, leaving and waiting are the list's. What is here is who is attached where, guarded
// by registry_mutex, and that a filter's last call comes last: each attachment and the registration
// are a use of it, and who gives the last one back makes the call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <pthread.h>
#include <string>

#include <khelp/result.hpp>
#include <khelp/sflt.h>

#include "base/leftovers.hpp"
#include "core/lists/hook_list.hpp"
#include "sync/event_count.hpp"
#include "sync/publication.hpp"

namespace khelp {

struct socket_kind {
  int domain;
  int type;
  int protocol;
  bool operator==(const socket_kind&) const = default;
};

// A registered filter. `uses` and `leaving` are guarded by registry_mutex, the rest is constant.
struct socket_filter {
  khelp_sflt_filter calls;
  std::string name;
  socket_kind kind;
  std::uint64_t serial;  // counts up in order of registration
  unsigned uses = 1;     // the registration's
  bool leaving = false;
};

struct filtered_socket;

// A filter on a socket. Guarded by registry_mutex but for what its callbacks are given.
struct filter_attachment {
  socket_filter& filter;
  filtered_socket* on;
  khelp_socket* const so;
  pthread_t worker;  // who is attaching or detaching it, while `busy`
  bool busy = true;
  void* cookie = nullptr;
  khelp_hook* hook = nullptr;  // nullptr: being attached
  bool leaving = false;
  filter_attachment* next = nullptr;
};

struct filtered_socket : khelp_sflt_socket {
  khelp_socket* so = nullptr;
  socket_kind kind{};
  khelp_hook_list* list = nullptr;
  filter_attachment* attachments = nullptr;  // newest first
  bool closing = false;
};

class socket_filters {
 public:
  result<void> add(const khelp_sflt_filter& filter, const socket_kind& kind)
      KHELP_EXCLUDES(registry_mutex);
  result<void> remove(std::uint32_t handle) KHELP_EXCLUDES(registry_mutex);
  result<void> wait_until_gone(std::uint32_t handle) KHELP_EXCLUDES(registry_mutex);

  // What a module has left (leftovers.hpp).
  void take_off(const module_range& module, leftovers& found) KHELP_EXCLUDES(registry_mutex);

  result<filtered_socket*> open(khelp_socket* so, const socket_kind& kind)
      KHELP_EXCLUDES(registry_mutex);
  result<void> close(filtered_socket& socket) KHELP_EXCLUDES(registry_mutex);

  result<void> attach(khelp_socket* so, std::uint32_t handle) KHELP_EXCLUDES(registry_mutex);
  result<void> detach(khelp_socket* so, std::uint32_t handle) KHELP_EXCLUDES(registry_mutex);

  // The list has let go of an attachment's hook: nobody is in its callbacks.
  void released(filter_attachment& attachment) noexcept KHELP_EXCLUDES(registry_mutex);

  // In the child of a fork: what other threads were attaching or detaching is gone with them.
  void after_fork() noexcept KHELP_REQUIRES(registry_mutex);

 private:
  struct hook_of_list {
    khelp_hook_list* list = nullptr;
    khelp_hook* hook = nullptr;
  };

  socket_filter* find(std::uint32_t handle) KHELP_REQUIRES(registry_mutex);
  filtered_socket* find(khelp_socket* so) KHELP_REQUIRES(registry_mutex);
  static filter_attachment* find(const filtered_socket& socket, const socket_filter& filter)
      KHELP_REQUIRES(registry_mutex);
  // The place of a new attachment; nullptr: no memory.
  static filter_attachment* reserve(filtered_socket& socket, socket_filter& filter) noexcept
      KHELP_REQUIRES(registry_mutex);
  // Make the reserved attachment: call the filter, then let runs find it.
  result<void> complete(filter_attachment& attachment) KHELP_EXCLUDES(registry_mutex);
  // Attach to the open sockets, or the global filters. What refuses is left out.
  void join_open_sockets(socket_filter& filter) KHELP_EXCLUDES(registry_mutex);
  void join_global_filters(filtered_socket& socket) KHELP_EXCLUDES(registry_mutex);
  // Runs no longer reach it. The hook to take off the list; none: not there yet, or leaving.
  static hook_of_list begin_to_leave(filter_attachment& attachment) KHELP_REQUIRES(registry_mutex);
  static void take_out(filter_attachment& attachment) noexcept KHELP_REQUIRES(registry_mutex);
  // Forget an attachment that nobody uses, and the filter with its last one.
  void forget(filter_attachment& attachment) noexcept KHELP_EXCLUDES(registry_mutex);
  void give_back(socket_filter& filter) noexcept KHELP_EXCLUDES(registry_mutex);

  // Sleep until something changed since `ticket`. ENOSYS: membarrier(2) is refused, and nothing will.
  result<void> wait_for_change(std::uint32_t ticket) KHELP_EXCLUDES(registry_mutex);

  std::map<std::uint32_t, std::unique_ptr<socket_filter>> filters_ KHELP_GUARDED_BY(registry_mutex);
  std::map<khelp_socket*, std::unique_ptr<filtered_socket>> sockets_
      KHELP_GUARDED_BY(registry_mutex);
  std::uint64_t next_serial_ KHELP_GUARDED_BY(registry_mutex) = 1;
  event_count changes_;
};

// The process's; never destroyed.
socket_filters& the_socket_filters();

// What the list of a socket calls: its argument is the attachment.
void ask_one_filter(void* asked, void* attachment);
int ask_filters(filtered_socket& socket, const khelp_sflt_call& call);

}  // namespace khelp
