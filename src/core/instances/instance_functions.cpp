// Constructors and destructors of instances: registered at a place, called in every instance.
#include <cerrno>

#include "base/cancellation.hpp"
#include "base/guarded.hpp"
#include "core/instances/instance.hpp"

namespace khelp {
namespace {

start_place place_of(const khelp_sysinit& function) {
  return {function.subsystem, function.order};
}

// In the instance that is current.
result<void> call_constructor(vnet_instance& v, const khelp_sysinit& start) {
  const no_cancellation later;
  v.vnet_state = start.subsystem;
  return guarded("an instance", "a constructor", [&] { start.function(start.argument); });
}

void call_destructor(vnet_instance& v, const khelp_sysinit& end) noexcept {
  v.vnet_state = end.subsystem;
  guarded_to_the_end("", "an instance", "a destructor", [&] { end.function(end.argument); });
}

}  // namespace

result<void> instance_registry::call_constructors(vnet_instance& v, const function_key& limit) {
  for (;;) {
    const khelp_sysinit* start = nullptr;
    {
      lock_guard held(mutex_);
      const auto at = starts_.upper_bound(v.constructed);
      if (at == starts_.end() || at->first >= limit)
        return {};
      v.constructed = at->first;
      // Should it fail, what came before is undone, at its own place too.
      v.destroyed = at->first;
      start = at->second;
    }
    if (auto called = call_constructor(v, *start); !called)
      return called;
    v.destroyed = behind_all;
  }
}

void instance_registry::call_destructors(vnet_instance& v, const function_key& limit) noexcept {
  for (;;) {
    const khelp_sysinit* end = nullptr;
    {
      lock_guard held(mutex_);
      auto at = ends_.lower_bound(v.destroyed);
      if (at == ends_.begin() || (--at)->first < limit)
        return;
      v.destroyed = at->first;
      end = at->second;
    }
    call_destructor(v, *end);
  }
}

vnet_instance* instance_registry::next_started(std::uint64_t serial, const function_key& key) {
  lock_guard held(mutex_);
  for (vnet_instance* v = &default_; v != nullptr; v = v->next) {
    const bool there = v->life == instance_life::begins || v->life == instance_life::lives;
    if (v->vnet_serial > serial && there && key <= v->constructed)
      return v;
  }
  return nullptr;
}

vnet_instance* instance_registry::next_not_ended(std::uint64_t serial, const function_key& key) {
  lock_guard held(mutex_);
  for (vnet_instance* v = &default_; v != nullptr; v = v->next) {
    const bool there = v->life != instance_life::over && key.place <= v->constructed.place;
    if (v->vnet_serial > serial && there && key < v->destroyed)
      return v;
  }
  return nullptr;
}

result<function_key> instance_registry::add_function(function_map instance_registry::*map,
                                                     const khelp_sysinit& function) {
  if (function.function == nullptr)
    return failure(EINVAL, "an instance: a function is missing");
  if (function.subsystem <= KHELP_SI_SUB_VNET || function.subsystem > KHELP_SI_SUB_VNET_DONE)
    return failure(
        EINVAL, "an instance: functions stand above SI_SUB_VNET and at most at SI_SUB_VNET_DONE");
  lock_guard held(mutex_);
  function_map& to = this->*map;
  for (const auto& [key, known] : to) {
    if (known == &function)
      return failure(EEXIST, "an instance: the function is registered already");
  }
  const function_key key{place_of(function), ++last_function_};
  to.emplace(key, &function);
  return key;
}

result<function_key> instance_registry::take_function(function_map instance_registry::*map,
                                                      const khelp_sysinit& function) {
  lock_guard held(mutex_);
  function_map& from = this->*map;
  for (auto at = from.begin(); at != from.end(); ++at) {
    if (at->second != &function)
      continue;
    const function_key key = at->first;
    from.erase(at);
    return key;
  }
  return failure(ENOENT, "an instance: the function is not registered");
}

result<void> instance_registry::add_start(const khelp_sysinit& start, std::uint64_t* thrown_in) {
  if (auto may = may_change(); !may)
    return may;
  const turn mine(turn_);
  const auto key = add_function(&instance_registry::starts_, start);
  if (!key)
    return key.error();
  std::uint64_t serial = 0;
  while (vnet_instance* v = next_started(serial, *key)) {
    serial = v->vnet_serial;
    const instance_scope in(v);
    const std::uint32_t state = v->vnet_state;
    auto called = call_constructor(*v, start);
    v->vnet_state = state;
    if (!called) {
      (void)take_function(&instance_registry::starts_, start);
      if (thrown_in != nullptr)
        *thrown_in = serial;
      return called;
    }
  }
  return {};
}

result<void> instance_registry::remove_start(const khelp_sysinit& start) {
  if (auto may = may_change(); !may)
    return may;
  const turn mine(turn_);
  const auto key = take_function(&instance_registry::starts_, start);
  return key ? result<void>() : key.error();
}

result<void> instance_registry::add_end(const khelp_sysinit& end) {
  if (auto may = may_change(); !may)
    return may;
  const turn mine(turn_);
  const auto key = add_function(&instance_registry::ends_, end);
  return key ? result<void>() : key.error();
}

result<void> instance_registry::remove_end(const khelp_sysinit& end) {
  if (auto may = may_change(); !may)
    return may;
  const turn mine(turn_);
  const auto key = take_function(&instance_registry::ends_, end);
  if (!key)
    return key.error();
  call_end(end, *key, UINT64_MAX);
  return {};
}

void instance_registry::call_end(const khelp_sysinit& end, const function_key& key,
                                 std::uint64_t below) noexcept {
  std::uint64_t serial = 0;
  while (vnet_instance* v = next_not_ended(serial, key)) {
    serial = v->vnet_serial;
    if (serial >= below)
      return;
    const instance_scope in(v);
    const std::uint32_t state = v->vnet_state;
    call_destructor(*v, end);
    v->vnet_state = state;
  }
}

void instance_registry::call_end(const khelp_sysinit& end, std::uint64_t below) noexcept {
  const turn mine(turn_);
  call_end(end, {place_of(end), 0}, below);
}

}  // namespace khelp
