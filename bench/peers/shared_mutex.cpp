/// std::shared_mutex and a vector, as many programs have it.
#include <mutex>
#include <shared_mutex>

#include "callbacks.hpp"
#include "limits/bare_array.hpp"

namespace {

struct guarded_vector {
  std::shared_mutex mutex;
  std::vector<bare_hook> hooks;

  void add(std::intptr_t number) {
    const std::lock_guard lock(mutex);
    hooks.push_back({count_tick, reinterpret_cast<void*>(number)});
  }
  void remove(std::intptr_t number) {
    const std::lock_guard lock(mutex);
    std::erase_if(hooks, [=](const bare_hook& hook) {
      return hook.udata == reinterpret_cast<void*>(number);
    });
  }
  void run(tick& event, khelp_osd* object) {
    const std::shared_lock lock(mutex);
    for (const bare_hook& hook : hooks)
      hook.function(1, 2, hook.udata, &event, nullptr, object);
  }
};

constexpr const char* name = "shared_mutex + vector";
const adds_rows shared_mutex{idle<guarded_vector>(name), callbacks<guarded_vector>(name),
                             two_threads<guarded_vector>(name), removal<guarded_vector>(name)};

}  // namespace
