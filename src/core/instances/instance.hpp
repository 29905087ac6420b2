// Instances (vnet(9)): which there are, the variables and functions that each has, and the turn in
// which they change.
//
// Creating, ending, registering functions and adding variables take the turn: constructors and
// destructors are strangers' code, so nothing is locked while they run, and yet a creation misses
// no registration (V-1). `mutex_` is held briefly and inside nothing but the turn. What waits for
// hooks to end is done after the turn.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include <khelp/result.hpp>
#include <khelp/vnet.h>

#include "base/leftovers.hpp"
#include "core/points/hook_registry.hpp"
#include "sync/event_count.hpp"
#include "sync/mutex.hpp"
#include "sync/turn.hpp"

namespace khelp {

struct start_place {
  std::uint32_t subsystem = 0;
  std::uint32_t order = 0;
  auto operator<=>(const start_place&) const = default;
};

// Functions of equal places are called in the order of their registration, and back.
struct function_key {
  start_place place;
  std::uint64_t serial = 0;
  auto operator<=>(const function_key&) const = default;
};
inline constexpr function_key before_all{};
inline constexpr function_key behind_all{{UINT32_MAX, UINT32_MAX}, UINT64_MAX};

inline constexpr unsigned most_blocks = 512;

enum class instance_life { begins, lives, ends, over };

struct vnet_instance final : khelp_vnet {
  explicit vnet_instance(std::uint64_t serial) noexcept;
  vnet_instance(const vnet_instance&) = delete;
  vnet_instance& operator=(const vnet_instance&) = delete;
  ~vnet_instance();

  // Of the turn.
  function_key constructed = before_all;  // constructors up to here have been called
  function_key destroyed = behind_all;    // destructors down to here have been called
  // Of the registry's mutex.
  instance_life life = instance_life::begins;
  bool listed = false;
  vnet_instance* next = nullptr;
  vnet_instance* before = nullptr;

  void* blocks[most_blocks] = {};  // changed under mutex_ and turn; each read by its file only
};

// While it lives an instance is current on this thread.
class instance_scope {
 public:
  explicit instance_scope(khelp_vnet* v) noexcept : before_(khelp_vnet_set_current(v)) {}
  instance_scope(const instance_scope&) = delete;
  instance_scope& operator=(const instance_scope&) = delete;
  ~instance_scope() { khelp_vnet_set_current(before_); }

 private:
  khelp_vnet* before_;
};

class instance_registry {
 public:
  instance_registry() noexcept;

  khelp_vnet* first() noexcept { return &default_; }

  result<khelp_vnet*> create() KHELP_EXCLUDES(mutex_);
  result<void> destroy(khelp_vnet* which) KHELP_EXCLUDES(mutex_);

  // Whether this thread may take the turn: it could wait for ever inside a hook, or with the list.
  result<void> may_change() noexcept;
  // Whether this thread has the turn: constructors or destructors run below it.
  bool changing() noexcept { return turn_.is_mine(); }
  // Several changes in one turn: no instance begins or ends between them. Only where may_change().
  turn one_change() noexcept { return turn(turn_); }

  // thrown_in: told the serial of the instance in which it threw. Those with smaller ones have it
  // behind them: call_end() undoes that.
  result<void> add_start(const khelp_sysinit& start, std::uint64_t* thrown_in = nullptr)
      KHELP_EXCLUDES(mutex_);
  void call_end(const khelp_sysinit& end, std::uint64_t below) noexcept KHELP_EXCLUDES(mutex_);
  result<void> remove_start(const khelp_sysinit& start) KHELP_EXCLUDES(mutex_);
  result<void> add_end(const khelp_sysinit& end) KHELP_EXCLUDES(mutex_);
  // First it is called in every instance that is there.
  result<void> remove_end(const khelp_sysinit& end) KHELP_EXCLUDES(mutex_);

  result<void> add_variables(const void* templates, std::size_t size,
                             std::span<khelp_vnet_variable> variables) KHELP_EXCLUDES(mutex_);
  result<void> remove_variables(std::span<khelp_vnet_variable> variables) KHELP_EXCLUDES(mutex_);

  // What a module has left (leftovers.hpp).
  void take_off(const module_range& module, leftovers& found) KHELP_EXCLUDES(mutex_);

  void hold_list() noexcept KHELP_EXCLUDES(mutex_);
  void let_list_go() noexcept KHELP_EXCLUDES(mutex_);
  // ENOENT: it is no instance.
  result<std::uint64_t> serial_of(const khelp_vnet* which) KHELP_EXCLUDES(mutex_);
  khelp_vnet* next_listed(const khelp_vnet* v) noexcept KHELP_EXCLUDES(mutex_);

  void before_fork() noexcept;
  void after_fork_in_parent() noexcept;
  void after_fork_in_child() noexcept;

 private:
  using function_map = std::map<function_key, const khelp_sysinit*>;
  // The templates of one file: every instance's block of this number begins as their copy.
  struct block {
    const void* templates = nullptr;  // nullptr: the number is free
    std::size_t size = 0;
    bool holds(const khelp_vnet_variable& variable) const;
  };

  void take_off_variables(const module_range& module, leftovers& found) KHELP_EXCLUDES(mutex_);
  static void* copy_of(const block& of);
  void free_block(unsigned number) noexcept KHELP_REQUIRES(mutex_);
  void link(vnet_instance& v) KHELP_EXCLUDES(mutex_);
  void unlink(vnet_instance& v) KHELP_REQUIRES(mutex_);
  // Enter the list or leave it, when nobody holds it.
  void set_listed(vnet_instance& v, bool listed) noexcept KHELP_EXCLUDES(mutex_);
  void set_life(vnet_instance& v, instance_life life) noexcept KHELP_EXCLUDES(mutex_);

  result<void> begin(vnet_instance& v);
  void give_up(vnet_instance& v) noexcept;
  void wind_down(vnet_instance& v) noexcept;
  // True when it is gone; false: nothing is known of other threads, and it stays for ever.
  bool bury(vnet_instance& v) noexcept KHELP_EXCLUDES(mutex_);
  // nullptr: it is none.
  vnet_instance* find(const khelp_vnet* which) KHELP_REQUIRES(mutex_);
  result<vnet_instance*> claim(khelp_vnet* which) KHELP_EXCLUDES(mutex_);

  // Those not called yet, up to (but not including) the limit; down to (and including) it.
  result<void> call_constructors(vnet_instance& v, const function_key& limit)
      KHELP_EXCLUDES(mutex_);
  void call_destructors(vnet_instance& v, const function_key& limit) noexcept
      KHELP_EXCLUDES(mutex_);
  // In the instances that are there and whose serial is below.
  void call_end(const khelp_sysinit& end, const function_key& key, std::uint64_t below) noexcept
      KHELP_EXCLUDES(mutex_);
  // The first instance behind this serial that has come to a function's place and not left it.
  vnet_instance* next_started(std::uint64_t serial, const function_key& key) KHELP_EXCLUDES(mutex_);
  vnet_instance* next_not_ended(std::uint64_t serial, const function_key& key)
      KHELP_EXCLUDES(mutex_);
  result<function_key> add_function(function_map instance_registry::*map,
                                    const khelp_sysinit& function) KHELP_EXCLUDES(mutex_);
  result<function_key> take_function(function_map instance_registry::*map,
                                     const khelp_sysinit& function) KHELP_EXCLUDES(mutex_);

  turn_state turn_;
  mutex mutex_;
  event_count list_let_go_;
  unsigned holders_ KHELP_GUARDED_BY(mutex_) = 0;
  vnet_instance default_{default_instance_serial};
  vnet_instance* last_ KHELP_GUARDED_BY(mutex_) = &default_;
  std::uint64_t last_serial_ KHELP_GUARDED_BY(mutex_) = default_instance_serial;
  std::uint64_t last_function_ KHELP_GUARDED_BY(mutex_) = 0;
  function_map starts_ KHELP_GUARDED_BY(mutex_);
  function_map ends_ KHELP_GUARDED_BY(mutex_);
  block blocks_[most_blocks] KHELP_GUARDED_BY(mutex_);
};

// The process's; never destroyed (threads outlive static destructors).
instance_registry& the_instances();

}  // namespace khelp
