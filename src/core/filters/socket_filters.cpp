#include "core/filters/socket_filters.hpp"

#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#include "base/guarded.hpp"
#include "core/lists/hook_lists.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

// Callbacks outside runs (attach, detach, unregistered) that this thread is in.
__thread unsigned callback_depth __attribute__((tls_model("initial-exec")));

// Strangers' code outside a run: an exception ends here, a cancellation waits.
template <class Fn>
bool call_out(const socket_filter& filter, Fn fn) noexcept {
  ++callback_depth;
  const bool returned = guarded_to_the_end("socket filter", filter.name, "a callback", fn);
  --callback_depth;
  return returned;
}

bool inside_callback() noexcept {
  return callback_depth != 0 || inside_section();
}

void release(void* arg) {
  the_socket_filters().released(*static_cast<filter_attachment*>(arg));
}

failure no_such_filter(int error) {
  return {error, "socket filter: no filter of this handle is registered"};
}

failure no_such_socket() {
  return {EINVAL, "socket filter: the socket is not open to filters"};
}

}  // namespace

socket_filters& the_socket_filters() {
  // In place: it is there also when there is no memory.
  alignas(socket_filters) static std::byte storage[sizeof(socket_filters)];
  static auto* filters = new (storage) socket_filters;
  return *filters;
}

// ---- who is there ----

socket_filter* socket_filters::find(std::uint32_t handle) {
  auto at = filters_.find(handle);
  return at == filters_.end() || at->second->leaving ? nullptr : at->second.get();
}

filtered_socket* socket_filters::find(khelp_socket* so) {
  auto at = sockets_.find(so);
  return at == sockets_.end() || at->second->closing ? nullptr : at->second.get();
}

filter_attachment* socket_filters::find(const filtered_socket& socket,
                                        const socket_filter& filter) {
  filter_attachment* a = socket.attachments;
  while (a != nullptr && (&a->filter != &filter || a->leaving))
    a = a->next;
  return a;
}

// ---- attaching ----

filter_attachment* socket_filters::reserve(filtered_socket& socket,
                                           socket_filter& filter) noexcept {
  auto* a = new (std::nothrow) filter_attachment{.filter = filter,
                                                 .on = &socket,
                                                 .so = socket.so,
                                                 .worker = pthread_self(),
                                                 .next = socket.attachments};
  if (a == nullptr)
    return nullptr;
  socket.attachments = a;
  ++filter.uses;
  return a;
}

result<void> socket_filters::complete(filter_attachment& a) {
  int refused = EIO;
  call_out(a.filter, [&] { refused = a.filter.calls.sf_attach(&a.cookie, a.so); });
  if (refused != 0) {
    forget(a);
    return failure(refused, "socket filter: it does not want this socket");
  }
  khelp_hook_x x{};
  x.size = sizeof x;
  x.name = a.filter.calls.sf_name;
  x.proc_callback = ask_one_filter;
  x.arg = &a;
  x.release = release;
  khelp_hook_list* const list = a.on->list;
  khelp_hook* hook = nullptr;
  try {
    if (auto added = the_hook_lists().add(list, x))
      hook = *added;
  } catch (const std::bad_alloc&) {
    released(a);
    throw;
  }
  bool unwanted = false;
  {
    lock_guard held(registry_mutex);
    a.hook = hook;
    a.busy = false;
    // A thread that detached the filter meanwhile found no hook to take off the list.
    unwanted = a.leaving;
    if (!unwanted)
      store_relaxed(a.on->attached, a.on->attached + 1);
  }
  if (unwanted)
    (void)the_hook_lists().remove(list, hook, 0, nullptr);
  return {};
}

result<void> socket_filters::attach(khelp_socket* so, std::uint32_t handle) {
  filter_attachment* reserved = nullptr;
  {
    lock_guard held(registry_mutex);
    filtered_socket* const socket = find(so);
    if (socket == nullptr)
      return no_such_socket();
    socket_filter* const filter = find(handle);
    if (filter == nullptr)
      return no_such_filter(EINVAL);
    if (find(*socket, *filter) != nullptr)
      return failure(EEXIST, "socket filter '" + filter->name + "' is attached to this socket");
    reserved = reserve(*socket, *filter);
  }
  if (reserved == nullptr)
    return failure(ENOMEM);
  return complete(*reserved);
}

void socket_filters::join_open_sockets(socket_filter& filter) {
  const khelp_socket* seen = nullptr;
  for (;;) {
    filter_attachment* reserved = nullptr;
    {
      lock_guard held(registry_mutex);
      auto at = sockets_.upper_bound(const_cast<khelp_socket*>(seen));
      while (at != sockets_.end() && (at->second->closing || at->second->kind != filter.kind ||
                                      find(*at->second, filter) != nullptr))
        ++at;
      if (at == sockets_.end() || filter.leaving)
        return;
      seen = at->first;
      reserved = reserve(*at->second, filter);
    }
    if (reserved != nullptr)
      (void)complete(*reserved);
  }
}

void socket_filters::join_global_filters(filtered_socket& socket) {
  std::uint64_t seen = 0;
  for (;;) {
    filter_attachment* reserved = nullptr;
    {
      lock_guard held(registry_mutex);
      socket_filter* next = nullptr;
      for (auto& [handle, filter] : filters_) {
        if (filter->serial > seen && !filter->leaving && filter->kind == socket.kind &&
            (filter->calls.sf_flags & static_cast<int>(KHELP_SFLT_GLOBAL)) != 0 &&
            (next == nullptr || filter->serial < next->serial))
          next = filter.get();
      }
      if (next == nullptr)
        return;
      seen = next->serial;
      if (find(socket, *next) == nullptr)
        reserved = reserve(socket, *next);
    }
    if (reserved != nullptr)
      (void)complete(*reserved);
  }
}

// ---- leaving ----

socket_filters::hook_of_list socket_filters::begin_to_leave(filter_attachment& a) {
  a.leaving = true;
  if (a.hook == nullptr)
    return {};
  store_relaxed(a.on->attached, a.on->attached - 1);
  return {a.on->list, a.hook};
}

void socket_filters::released(filter_attachment& a) noexcept {
  {
    lock_guard held(registry_mutex);
    a.busy = true;
    a.worker = pthread_self();
  }
  call_out(a.filter, [&] { a.filter.calls.sf_detach(a.cookie, a.so); });
  forget(a);
}

void socket_filters::take_out(filter_attachment& a) noexcept {
  filter_attachment** link = &a.on->attachments;
  while (*link != &a)
    link = &(*link)->next;
  *link = a.next;
  delete &a;
}

void socket_filters::forget(filter_attachment& a) noexcept {
  socket_filter& filter = a.filter;
  {
    lock_guard held(registry_mutex);
    take_out(a);
  }
  give_back(filter);
}

void socket_filters::give_back(socket_filter& filter) noexcept {
  bool last = false;
  {
    lock_guard held(registry_mutex);
    last = --filter.uses == 0;
  }
  if (last) {
    const std::uint32_t handle = filter.calls.sf_handle;
    if (filter.calls.sf_unregistered != nullptr)
      call_out(filter, [&] { filter.calls.sf_unregistered(handle); });
    lock_guard held(registry_mutex);
    filters_.erase(handle);
  }
  changes_.notify();
}

result<void> socket_filters::detach(khelp_socket* so, std::uint32_t handle) {
  hook_of_list leaving;
  {
    lock_guard held(registry_mutex);
    filtered_socket* const socket = find(so);
    if (socket == nullptr)
      return no_such_socket();
    socket_filter* const filter = find(handle);
    if (filter == nullptr)
      return no_such_filter(EINVAL);
    if (filter_attachment* a = find(*socket, *filter))
      leaving = begin_to_leave(*a);
  }
  if (leaving.hook != nullptr)
    (void)the_hook_lists().remove(leaving.list, leaving.hook, 0, nullptr);
  return {};
}

result<void> socket_filters::wait_for_change(std::uint32_t ticket) {
  khelp::reap();
  if (!heavy_barrier())
    return failure(ENOSYS,
                   "socket filter: membarrier(2) is refused: whether a callback is still being run "
                   "cannot be known");
  changes_.wait(ticket, look_again_ns);
  return {};
}

// ---- filters ----

result<void> socket_filters::add(const khelp_sflt_filter& x, const socket_kind& kind) {
  auto made = std::make_unique<socket_filter>();
  socket_filter& filter = *made;
  filter.calls = x;
  filter.name = x.sf_name;
  filter.calls.sf_name = filter.name.c_str();
  if ((x.sf_flags & static_cast<int>(KHELP_SFLT_EXTENDED)) == 0)
    filter.calls.sf_ext = {};
  filter.kind = kind;
  {
    lock_guard held(registry_mutex);
    if (auto there = filters_.find(x.sf_handle); there != filters_.end())
      return failure(EEXIST,
                     "socket filter: the handle is in use by '" + there->second->name + "'");
    filters_.emplace(x.sf_handle, std::move(made));
    filter.serial = next_serial_++;
    ++filter.uses;  // ours, while it joins
  }
  constexpr int joins_open = static_cast<int>(KHELP_SFLT_GLOBAL | KHELP_SFLT_EXTENDED_REGISTRY);
  if ((x.sf_flags & joins_open) == joins_open)
    join_open_sockets(filter);
  give_back(filter);
  return {};
}

result<void> socket_filters::remove(std::uint32_t handle) {
  socket_filter* filter = nullptr;
  {
    lock_guard held(registry_mutex);
    filter = find(handle);
    if (filter == nullptr)
      return no_such_filter(ENOENT);
    filter->leaving = true;
  }
  // The registration's use keeps the filter until the last line.
  for (bool more = true; more;) {
    hook_of_list leaving;
    {
      lock_guard held(registry_mutex);
      filter_attachment* a = nullptr;
      for (auto at = sockets_.begin(); a == nullptr && at != sockets_.end(); ++at)
        a = find(*at->second, *filter);
      more = a != nullptr;
      if (more)
        leaving = begin_to_leave(*a);
    }
    if (leaving.hook != nullptr)
      (void)the_hook_lists().remove(leaving.list, leaving.hook, 0, nullptr);
  }
  give_back(*filter);
  return {};
}

result<void> socket_filters::wait_until_gone(std::uint32_t handle) {
  if (inside_callback())
    return failure(EDEADLK, "waiting inside a callback would never end");
  for (;;) {
    const std::uint32_t ticket = changes_.ticket();
    {
      lock_guard held(registry_mutex);
      auto at = filters_.find(handle);
      if (at == filters_.end())
        return {};
      if (!at->second->leaving)
        return failure(EBUSY, "socket filter '" + at->second->name + "' is registered");
    }
    if (auto waited = wait_for_change(ticket); !waited)
      return waited;
  }
}

// ---- sockets ----

result<filtered_socket*> socket_filters::open(khelp_socket* so, const socket_kind& kind) {
  auto made = std::make_unique<filtered_socket>();
  filtered_socket& socket = *made;
  socket.so = so;
  socket.kind = kind;
  khelp_hook_list* const list = the_hook_lists().make(nullptr);
  socket.list = list;
  bool is_new = false;
  try {
    lock_guard held(registry_mutex);
    is_new = sockets_.try_emplace(so, std::move(made)).second;
  } catch (const std::bad_alloc&) {
    (void)the_hook_lists().end(list);
    throw;
  }
  if (!is_new) {
    (void)the_hook_lists().end(list);
    return failure(EINVAL, "socket filter: the socket is open to filters already");
  }
  join_global_filters(socket);
  return &socket;
}

result<void> socket_filters::close(filtered_socket& socket) {
  if (inside_callback())
    return failure(EDEADLK, "waiting inside a callback would never end");
  {
    lock_guard held(registry_mutex);
    socket.closing = true;
  }
  for (;;) {
    const std::uint32_t ticket = changes_.ticket();
    hook_of_list leaving;
    bool empty = false;
    {
      lock_guard held(registry_mutex);
      filter_attachment* a = socket.attachments;
      empty = a == nullptr;
      while (a != nullptr && a->leaving)
        a = a->next;
      if (a != nullptr)
        leaving = begin_to_leave(*a);
    }
    if (empty)
      break;
    if (leaving.hook != nullptr)
      (void)the_hook_lists().remove(leaving.list, leaving.hook, 0, nullptr);
    else if (auto waited = wait_for_change(ticket); !waited)
      return waited;
  }
  (void)the_hook_lists().end(socket.list);
  lock_guard held(registry_mutex);
  sockets_.erase(socket.so);
  return {};
}

void socket_filters::after_fork() noexcept {
  for (auto& [so, socket] : sockets_) {
    filter_attachment* a = socket->attachments;
    while (a != nullptr) {
      filter_attachment& there = *std::exchange(a, a->next);
      if (!there.busy || pthread_equal(there.worker, pthread_self()) != 0)
        continue;
      socket_filter& filter = there.filter;
      take_out(there);
      if (--filter.uses == 0)
        filters_.erase(filter.calls.sf_handle);
    }
  }
}

}  // namespace khelp
