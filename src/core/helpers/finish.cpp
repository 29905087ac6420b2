// The end of helpers: what whoever reaps completes, what a fork or the end of the process leaves.
#include <algorithm>
#include <ctime>
#include <new>
#include <utility>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "core/helpers/attachment.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/registry_parts.hpp"
#include "core/zones/uma.hpp"
#include "core/zones/uma_zone.hpp"

namespace khelp {

void let_zone_go(helper& h) {
  khelp_uma_zone_t zone = std::exchange(h.zone, nullptr);
  if (zone == nullptr)
    return;
  if (!h.owns_zone) {
    uma::stop_serving(zone);
    return;
  }
  if (h.bsd != nullptr)
    h.bsd->h_zone = nullptr;
  khelp_uma_zdestroy(zone);
}

void call_mod_destroy(helper& h) noexcept {
  const auto destroy = std::exchange(h.mod_destroy, nullptr);
  if (destroy == nullptr)
    return;
  int answer = 0;
  guarded_to_the_end("helper", h.name, "its destroy", [&] { answer = destroy(); });
  if (answer != 0)
    log(KHELP_LOG_WARNING, {"helper '", h.name, "': its destroy answered that it failed"});
}

// A zombie stays in the hands of the thread that could not end it.
std::shared_ptr<helper> helper_registry::take_unfinished(std::uint64_t order) {
  lock_guard held(registry_mutex);
  for (const auto& h : helpers_) {
    if (h->load_order > order && h->state() == KHELP_HELPER_GOING && !h->is_in_hand() &&
        !h->is_stopped()) {
      h->begin_finish();
      return h;
    }
  }
  return nullptr;
}

unsigned helper_registry::finish_unloads() noexcept {
  unsigned waiting = 0;
  bool any_going = false;
  {
    lock_guard held(registry_mutex);
    for (const auto& h : helpers_) {
      any_going = any_going || h->state() == KHELP_HELPER_GOING;
      if (h->hooks_off && h->is_at_rest())
        put_hooks_back(*h);
    }
  }
  if (!any_going)
    return 0;
  std::shared_ptr<helper> h = take_unfinished(0);
  for (; h != nullptr; h = take_unfinished(h->load_order)) {
    if (h->readers != nullptr && h->readers->try_finish())
      h->readers.reset();
    helper* const alone = h.get();
    if (h->readers == nullptr && revoke_data({&alone, 1}, nullptr) == waited::done) {
      bury(*h);
    } else {
      ++waiting;
    }
    give_back(*h);
  }
  return waiting;
}

// One that has been buried is not in the list any more.
void helper_registry::give_back(helper& h) noexcept {
  lock_guard held(registry_mutex);
  h.give_back();
  finished_.notify_all();
}

bool helper_registry::wait_for_finishers() {
  const auto self = pthread_self();
  lock_guard held(registry_mutex);
  while (true) {
    bool others = false;
    for (const auto& h : helpers_) {
      if (!h->is_at_rest() && h->is_in_hand_of(self))
        return false;
      others = others || h->is_finishing();
    }
    if (!others)
      return true;
    finished_.wait(registry_mutex);
  }
}

// The forking thread neither decides about a helper nor waits for its objects: nothing of strangers
// is called meanwhile. It may be loading or ending one.
void helper_registry::forget_other_threads() noexcept {
  new (&finished_) condition;
  for (const auto& h : helpers_) {
    forget_references_of_others(*h);
    h->walks = h->zone != nullptr ? h->zone->own_pins() : 0;
    h->forget_other_threads();
  }
}

// No hook runs, no data is left: end the helper.
void helper_registry::bury(helper& h) {
  h.readers.reset();
  let_zone_go(h);
  call_mod_destroy(h);
  if (h.bsd != nullptr) {
    h.bsd->h_refcount = 0;
    h.bsd->h_id = 0;
  }
  // While its name is not free: whoever takes it next is told of later.
  log(KHELP_LOG_INFO, {"helper '", h.name, "' version ", number_text(h.version), ": unregistered"});
  {
    lock_guard held(registry_mutex);
    h.die();
    give_khelp_slot(h.slot);
    strike(h);
  }
  if (h.on_dead)
    h.on_dead();
}

bool helper_registry::stop_modules(std::span<const module_range> modules, std::int64_t timeout_ns) {
  reader_wait readers;
  std::vector<const helper*> stopped;
  const auto in_module = [&](const subscription& wish) {
    return std::find(stopped.begin(), stopped.end(), wish.owner) != stopped.end() ||
           std::any_of(modules.begin(), modules.end(), [&](const module_range& module) {
             return module.has(wish.info.hook_func) || module.has(wish.info.hook_udata);
           });
  };
  {
    lock_guard held(registry_mutex);
    modules_stopped_ = true;
    for (const auto& h : helpers_) {
      if (h->code_begin == 0)
        continue;
      stopped.push_back(h.get());
      h->stop();
    }
    auto list = list_with(nullptr, {});
    // Who reads an older list may be about to give an object data.
    const auto is_list = [](const published_set& set) {
      return dynamic_cast<const helper_list*>(&set) != nullptr;
    };
    readers.prepare(1, is_list);
    if (auto done = the_hooks().remove_all(in_module, readers); !done)
      return false;
    publish(std::move(list));
    readers.include(is_list);
  }
  const deadline limit(timeout_ns);
  while (!readers.is_ours_alone()) {
    if (limit.has_passed())
      return false;
    constexpr timespec a_moment{0, 1'000'000};
    nanosleep(&a_moment, nullptr);
  }
  return true;
}

}  // namespace khelp
