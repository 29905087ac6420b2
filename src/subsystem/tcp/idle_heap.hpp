/// Connections by their silence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "subsystem/tcp/flow.hpp"

namespace khelp::tcp {

/// Finds the connection that was active longest ago.
///
/// A heap over flow::active_ns, then flow::began_at. A flow may be active at any time without a word
/// to the heap: what the heap remembers of it is then too early, and is put right when the flow
/// comes to the top. So a packet costs nothing here, and a flow's activity is looked at once for
/// each time that it could have fallen silent.
class idle_heap {
 public:
  /// For so many flows; add() needs no memory then.
  void evict_for(size_t flows) {
    if (flows > entries_.capacity())
      entries_.reserve(std::max(flows, 2 * entries_.capacity()));
  }
  void add(flow& f) {
    f.idle_place = static_cast<uint32_t>(entries_.size());
    entries_.push_back({f.active_ns, f.began_at, &f});
    rise(f.idle_place);
  }
  void remove(flow& gone) {
    const size_t hole = gone.idle_place;
    const entry last = entries_.back();
    entries_.pop_back();
    if (hole == entries_.size())
      return;
    put(hole, last);
    rise(hole);
    sink(last.owner->idle_place);
  }

  /// nullptr: there is none.
  flow* longest_idle() {
    if (entries_.empty())
      return nullptr;
    while (entries_[0].active_ns != entries_[0].owner->active_ns) {
      entries_[0].active_ns = entries_[0].owner->active_ns;
      sink(0);
    }
    return entries_[0].owner;
  }
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  /// No flow's latest activity was before this; there must be one.
  int64_t earliest_ns() const { return entries_[0].active_ns; }

  /// Those that were last active before that time, in no particular order.
  template <class Visit>
  void for_each_idle_since(int64_t before_ns, Visit visit) const {
    look_from(0, before_ns, visit);
  }

 private:
  struct entry {
    int64_t active_ns;  // at most the owner's
    uint64_t began_at;
    flow* owner;

    bool operator<(const entry& other) const {
      return active_ns != other.active_ns ? active_ns < other.active_ns : began_at < other.began_at;
    }
  };

  void put(size_t at, const entry& e) {
    entries_[at] = e;
    e.owner->idle_place = static_cast<uint32_t>(at);
  }
  void rise(size_t at) {
    const entry rising = entries_[at];
    while (at > 0 && rising < entries_[(at - 1) / 2]) {
      put(at, entries_[(at - 1) / 2]);
      at = (at - 1) / 2;
    }
    put(at, rising);
  }
  void sink(size_t at) {
    const entry sinking = entries_[at];
    for (size_t child = 2 * at + 1; child < entries_.size(); child = 2 * at + 1) {
      if (child + 1 < entries_.size() && entries_[child + 1] < entries_[child])
        ++child;
      if (!(entries_[child] < sinking))
        break;
      put(at, entries_[child]);
      at = child;
    }
    put(at, sinking);
  }
  template <class Visit>
  void look_from(size_t at, int64_t before_ns, Visit& visit) const {
    if (at >= entries_.size() || entries_[at].active_ns >= before_ns)
      return;
    if (entries_[at].owner->active_ns < before_ns)
      visit(std::as_const(*entries_[at].owner));
    look_from(2 * at + 1, before_ns, visit);
    look_from(2 * at + 2, before_ns, visit);
  }

  std::vector<entry> entries_;
};

}  // namespace khelp::tcp
