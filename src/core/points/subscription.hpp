// A wish to hook a point (or all points of a name), and its fulfilment at one point.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <khelp/hhook.h>
#include <khelp/stats.h>

#include "core/points/hook_set.hpp"
#include "sync/counters.hpp"

namespace khelp {

class hook_owner;

// What the hooks of one helper did, those removed included. Live hooks' counts are in their counter
// blocks. Guarded by registry_mutex.
struct call_totals {
  std::uint64_t calls = 0;
  std::uint64_t exceptions = 0;
  std::uint64_t skipped[KHELP_SKIP_REASONS] = {};
};

// One hookinfo of one owner: pending until a point of its name is registered, attached to each that
// is. Constant after construction, but for what the registry marks.
struct subscription {
  khelp_hookinfo info{};
  std::int32_t priority = 0;
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::string event;  // the event type it was compiled for; "": not said
  std::uint64_t fingerprint = 0;

  hook_owner* owner = nullptr;  // nullptr: nobody's
  std::string owner_name;
  std::uint32_t slot = 0;  // of the data it needs; 0: none
  std::uint64_t load_order = 0;
  std::uint32_t index = 0;  // in the owner's table
  std::shared_ptr<call_totals> totals;

  bool everywhere = true;                 // at every point of its (type, id), late ones too
  std::uintptr_t instance = 0;            // else: at this instance's
  std::vector<std::uintptr_t> taken_off;  // instances where somebody removed it

  bool wants(std::uintptr_t vid) const {
    if (!everywhere)
      return instance == vid;
    for (std::uintptr_t off : taken_off) {
      if (off == vid)
        return false;
    }
    return true;
  }
  bool same_hook(const khelp_hookinfo& other) const {
    return info.hook_func == other.hook_func && info.hook_udata == other.hook_udata;
  }
};

// A subscription at one point. Lives as long as any set that contains it.
class hook_attachment {
 public:
  hook_attachment(std::shared_ptr<subscription> wish, counter_block counters, std::string point)
      : wish_(std::move(wish)), block_(counters), point_(std::move(point)) {}
  hook_attachment(const hook_attachment&) = delete;
  hook_attachment& operator=(const hook_attachment&) = delete;
  // Its counts go to the owner's totals. The caller holds registry_mutex, or is alone.
  ~hook_attachment();

  const subscription& wish() const { return *wish_; }
  const std::shared_ptr<subscription>& shared_wish() const { return wish_; }
  counter_block block() const { return block_; }
  const std::string& point() const { return point_; }  // in words

  // What runs must know of it at once, whatever set they use. Who changes a mark then has the sets show
  // it (hook_set::show_marks()).
  static constexpr std::uint32_t suspended = 1;
  static constexpr std::uint32_t removed = 2;  // from inside a hook: not called by runs under way
  std::uint32_t marks() const noexcept;
  bool is_suspended() const noexcept { return (marks() & suspended) != 0; }
  // Whether that was a change.
  bool mark(std::uint32_t as) noexcept;
  bool unmark(std::uint32_t as) noexcept;

  // Rare: each suspends it.
  void count_exception() noexcept { ++exceptions_; }
  std::uint64_t exceptions() const noexcept { return exceptions_; }

 private:
  const std::shared_ptr<subscription> wish_;
  const counter_block block_;
  const std::string point_;
  std::uint32_t marks_ = 0;
  std::atomic<std::uint64_t> exceptions_{0};
};

}  // namespace khelp
