#include "rig.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace stress {

std::int32_t fresh_type() {
  static std::atomic<std::int32_t> next{KHELP_HHOOK_TYPE_APP + 0x500000};
  return ++next;
}

std::chrono::milliseconds budget(std::chrono::milliseconds usual) {
  const char* seconds = std::getenv("KHELP_SOAK_SECONDS");
  if (seconds == nullptr)
    return usual;
  return std::max<std::chrono::milliseconds>(usual, std::chrono::seconds(std::atol(seconds)));
}

point::point(std::int32_t of_type, std::int32_t of_id, std::uint32_t flags)
    : type(of_type), id(of_id) {
  EXPECT_EQ(khelp_hhook_head_register(type, id, &head, flags), 0) << khelp_failure_text();
}

point::~point() {
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0) << khelp_failure_text();
}

khelp_hookinfo hook_at(const point& p, khelp_hhook_func_t fn, void* udata) {
  khelp_hookinfo hook{};
  hook.hook_func = fn;
  hook.hook_udata = udata;
  hook.hook_type = p.type;
  hook.hook_id = p.id;
  return hook;
}

declared::declared(std::string helper_name, std::uint32_t flags, std::size_t data_size)
    : name(std::move(helper_name)) {
  x.size = sizeof x;
  x.version = 1;
  x.name = name.c_str();
  x.classes = object_class;
  x.flags = flags;
  x.data_size = data_size;
}

void declared::add(const point& p, khelp_hhook_func_t fn, void* udata, std::int32_t priority) {
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.priority = priority;
  hook.hook = hook_at(p, fn, udata);
  hooks.push_back(hook);
  x.hooks = hooks.data();
  x.nhooks = static_cast<std::uint32_t>(hooks.size());
}

int declared::load() {
  return khelp_helper_register(&x, &id);
}

int declared::unload(int how, std::int64_t timeout_ns) const {
  return khelp_helper_unregister(id, how, timeout_ns);
}

khelp_hook_stat stat_of_hook(const point& p, const std::string& helper) {
  struct wanted {
    const point& p;
    const std::string& helper;
    khelp_hook_stat found{};
  } w{p, helper};
  EXPECT_EQ(khelp_stats_hooks(
                [](void* arg, const khelp_hook_stat* stat) {
                  auto& to = *static_cast<wanted*>(arg);
                  if (stat->type == to.p.type && stat->id == to.p.id && stat->helper == to.helper)
                    to.found = *stat;
                },
                &w),
            0);
  return w.found;
}

khelp_helper_stat stat_of_helper(const std::string& helper) {
  struct wanted {
    const std::string& helper;
    khelp_helper_stat found{};
  } w{helper};
  EXPECT_EQ(khelp_stats_helpers(
                [](void* arg, const khelp_helper_stat* stat) {
                  auto& to = *static_cast<wanted*>(arg);
                  if (stat->name == to.helper)
                    to.found = *stat;
                },
                &w),
            0);
  return w.found;
}

void reap_all() {
  while (khelp_reap() != 0)
    sched_yield();
}

int in_child(void (*body)()) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void demand(bool condition, const char* words) {
  if (condition)
    return;
  std::fprintf(stderr, "child %d: not so: %s (%s)\n", static_cast<int>(getpid()), words,
               khelp_failure_text());
  _exit(1);
}

}  // namespace stress
