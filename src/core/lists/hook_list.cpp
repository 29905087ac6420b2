// hook_list(9): the C face of hook lists.
#include <cerrno>
#include <cstring>

#include <khelp/hook_list.h>

#include "base/cold_call.hpp"
#include "base/failure_text.hpp"
#include "base/log.hpp"
#include "core/lists/hook_lists.hpp"

namespace khelp {
namespace {

khelp_hook_info info_of(const listed_hook& hook) {
  khelp_hook_info info{};
  info.size = sizeof info;
  info.suspended = hook.is_suspended() ? 1 : 0;
  info.exceptions = hook.exceptions;
  info.hook = hook.handle();
  info.arg = hook.arg;
  std::memcpy(info.name, hook.name, sizeof info.name);
  return info;
}

int run(khelp_hook_list* list, const hook_list_run& how) {
  if (KHELP_LIKELY(list != nullptr))
    return run_hook_list(*list, how);
  set_failure_text("hook list: none was given");
  return ENOENT;
}

}  // namespace
}  // namespace khelp

using namespace khelp;

extern "C" {

khelp_hook_list* khelp_hook_alloc(const char* name) {
  khelp_hook_list* made = nullptr;
  cold_call([&]() -> result<void> {
    made = the_hook_lists().make(name);
    return {};
  });
  return made;
}

int khelp_hook_free(khelp_hook_list* list) {
  return cold_call([&]() -> result<void> {
    if (list == nullptr)
      return {};
    auto ended = is_of_process(list)
                     ? result<void>(failure(EINVAL, "hook list: the process's own stay"))
                     : the_hook_lists().end(list);
    if (!ended)
      log(KHELP_LOG_WARNING, {"khelp_hook_free: ", ended.error().detail});
    return ended;
  });
}

khelp_hook* khelp_hook_register_x(khelp_hook_list* list, const khelp_hook_x* hook) {
  khelp_hook* handle = nullptr;
  cold_call([&]() -> result<void> {
    if (hook == nullptr || hook->size < sizeof *hook)
      return failure(EINVAL, "struct khelp_hook_x: its size is not set");
    auto added = the_hook_lists().add(list, *hook);
    if (!added)
      return std::move(added).error();
    handle = *added;
    return {};
  });
  return handle;
}

int khelp_hook_unregister(khelp_hook_list* list, khelp_hook* hook, uint32_t flags) {
  return cold_call([&] { return the_hook_lists().remove(list, hook, flags, nullptr); });
}

int khelp_hook_unregister_held(khelp_hook_list* list, khelp_hook* hook, uint32_t flags,
                               void (*unlock)(void* held), void (*lock)(void* held), void* held) {
  return cold_call([&] {
    const held_lock callers{unlock, lock, held};
    return the_hook_lists().remove(list, hook, flags, &callers);
  });
}

int khelp_hook_resume(khelp_hook_list* list, khelp_hook* hook) {
  return cold_call([&] { return the_hook_lists().resume(list, hook); });
}

int khelp_hook_run(khelp_hook_list* list, uint32_t flags, khelp_hook_mask_t mask, void* mask_arg) {
  return run(list, {flags, false, nullptr, mask, mask_arg});
}

int khelp_hook_proc_run(khelp_hook_list* list, uint32_t flags, void* proc, khelp_hook_mask_t mask,
                        void* mask_arg) {
  return run(list, {flags, true, proc, mask, mask_arg});
}

uint32_t khelp_hook_count(khelp_hook_list* list) {
  return the_hook_lists().count(list);
}

int khelp_hook_list_each(khelp_hook_list* list, void (*fn)(void* arg, const khelp_hook_info* info),
                         void* arg) {
  return cold_call([&]() -> result<void> {
    auto hooks = the_hook_lists().hooks_of(list);
    if (!hooks)
      return std::move(hooks).error();
    for (const auto& hook : *hooks) {
      const khelp_hook_info info = info_of(*hook);
      fn(arg, &info);
    }
    return {};
  });
}

}  // extern "C"
