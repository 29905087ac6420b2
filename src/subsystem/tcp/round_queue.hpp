/// Work that one thread prepares and several look through, each all of it, in order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace khelp::tcp {

/// A ring of items. The one who fills them waits when all are in use; the ones who look through
/// them wait for the next. An item is collected when everybody is done with it, the oldest first.
///
/// Context  one thread fills and collects; reader i is one thread.
template <class Item>
class round_queue {
 public:
  round_queue(size_t items, size_t readers) : ring_(items), done_(readers, 0) {}

  // ---- the one who fills

  /// All items, while nobody reads.
  std::vector<Item>& items() { return ring_; }
  bool full() const { return submitted_ - collected_ == ring_.size(); }
  bool idle() const { return submitted_ == collected_; }
  /// The next item to fill; not when full().
  Item& vacant() { return ring_[submitted_ % ring_.size()]; }
  /// It is filled: the readers may see it.
  void submit() {
    {
      const std::lock_guard held(mutex_);
      ++submitted_;
    }
    filled_.notify_all();
  }
  /// The oldest submitted item, once everybody is done with it; not when idle().
  Item& wait_for_oldest() {
    std::unique_lock held(mutex_);
    finished_.wait(held, [this] { return slowest() > collected_; });
    return ring_[collected_ % ring_.size()];
  }
  bool oldest_is_done() {
    const std::lock_guard held(mutex_);
    return slowest() > collected_;
  }
  /// It may be filled again.
  void collect() { ++collected_; }
  /// The readers are to stop, whatever is left.
  void close() {
    {
      const std::lock_guard held(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
  }

  // ---- reader i

  /// The next item; nullptr: close() was called.
  Item* next(size_t i) {
    std::unique_lock held(mutex_);
    filled_.wait(held, [&] { return submitted_ > done_[i] || closed_; });
    return closed_ ? nullptr : &ring_[done_[i] % ring_.size()];
  }
  void done(size_t i) {
    bool last = false;
    {
      const std::lock_guard held(mutex_);
      const uint64_t before = slowest();
      ++done_[i];
      last = slowest() > before;
    }
    if (last)
      finished_.notify_one();
  }

 private:
  uint64_t slowest() const { return *std::min_element(done_.begin(), done_.end()); }

  std::vector<Item> ring_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable finished_;
  // collected_ <= done_[i] <= submitted_ <= collected_ + ring_.size(). Written under mutex_, but
  // collected_, which belongs to the one who fills; that one reads submitted_ without it.
  uint64_t submitted_ = 0;
  uint64_t collected_ = 0;
  std::vector<uint64_t> done_;
  bool closed_ = false;
};

}  // namespace khelp::tcp
