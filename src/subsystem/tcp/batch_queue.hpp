/// Work that one thread prepares and several do, in lanes.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace khelp::tcp {

/// A ring of items, each with a part in every lane. Whoever has time takes a part; those of one
/// lane are done one at a time, in the order of their items. An item is collected when all of its
/// parts are done, the oldest first.
///
/// Context  one thread fills and collects; that one and any others do the parts.
template <class Item>
class batch_queue {
 public:
  struct part {
    Item* item = nullptr;  ///< nullptr: there is none
    size_t lane = 0;
  };

  batch_queue(size_t items, size_t lanes) : ring_(items), lanes_(lanes) {}

  // ---- the filling thread

  /// All items, while no thread works.
  std::vector<Item>& items() { return ring_; }
  bool full() const { return submitted_ - collected_ == ring_.size(); }
  bool idle() const { return submitted_ == collected_; }
  /// The next item to fill; not when full().
  Item& vacant() { return ring_[submitted_ % ring_.size()]; }
  /// It is filled: its parts may be taken. Waiting threads are woken only when there is work for a
  /// while. A filler that is faster than they are does not need them at once, and a slower one would
  /// wake them for each item.
  void submit() {
    bool worth_waking = false;
    {
      const std::lock_guard held(mutex_);
      ++submitted_;
      worth_waking = submitted_ - slowest() + 1 >= ring_.size();
    }
    if (worth_waking)
      work_.notify_all();
  }
  /// A part to do until the oldest submitted item is done; none: it is. Not when idle().
  part take_until_oldest_is_done() {
    std::unique_lock held(mutex_);
    lane* found = nullptr;
    finished_.wait(held, [&] {
      found = slowest() > collected_ ? nullptr : vacant_lane();
      return found != nullptr || slowest() > collected_;
    });
    return found != nullptr ? enter(*found) : part{};
  }
  bool oldest_is_done() {
    const std::lock_guard held(mutex_);
    return slowest() > collected_;
  }
  /// Take the oldest item, which is done, out of the ring. It may be filled again when the ring is
  /// full without it.
  Item& collect() { return ring_[collected_++ % ring_.size()]; }
  /// No more parts are taken, whatever is left.
  void close() {
    {
      const std::lock_guard held(mutex_);
      closed_ = true;
    }
    work_.notify_all();
  }

  // ---- the others

  /// The next part; none: close() was called.
  part take() {
    std::unique_lock held(mutex_);
    lane* found = nullptr;
    work_.wait(held, [&] { return closed_ || (found = vacant_lane()) != nullptr; });
    return closed_ ? part{} : enter(*found);
  }

  // ---- all

  void done(const part& finished) {
    bool item_done = false;
    bool more = false;
    {
      const std::lock_guard held(mutex_);
      const uint64_t before = slowest();
      lane& left = lanes_[finished.lane];
      left.taken = false;
      ++left.done;
      item_done = slowest() > before;
      more = left.done < submitted_;
    }
    if (more)
      work_.notify_one();
    if (more || item_done)
      finished_.notify_one();
  }

 private:
  struct lane {
    uint64_t done = 0;   ///< items
    bool taken = false;  ///< a thread does the next item's part
  };

  uint64_t slowest() const {
    return std::min_element(lanes_.begin(), lanes_.end(),
                            [](const lane& a, const lane& b) { return a.done < b.done; })
        ->done;
  }
  /// Of the lanes with work that no thread does, the one that is furthest behind.
  lane* vacant_lane() {
    lane* found = nullptr;
    for (lane& each : lanes_) {
      if (!each.taken && each.done < submitted_ && (found == nullptr || each.done < found->done))
        found = &each;
    }
    return found;
  }
  part enter(lane& entered) {
    entered.taken = true;
    return {&ring_[entered.done % ring_.size()], static_cast<size_t>(&entered - lanes_.data())};
  }

  std::vector<Item> ring_;
  std::mutex mutex_;
  std::condition_variable work_;      ///< for the others
  std::condition_variable finished_;  ///< for the filling thread
  // collected_ <= lane::done <= submitted_ <= collected_ + ring_.size(). Written under mutex_, but
  // collected_, which belongs to the filling thread; that one reads submitted_ without it.
  uint64_t submitted_ = 0;
  uint64_t collected_ = 0;
  std::vector<lane> lanes_;
  bool closed_ = false;
};

}  // namespace khelp::tcp
