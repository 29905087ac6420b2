#include "app/replay/merger.hpp"

#include <cstddef>

namespace khelp::app {

void merger::add(const std::vector<tcp::shard_outcome>& batch) {
  struct reading {
    const shard_events* shard;
    std::size_t next = 0;
    bool any() const { return next < shard->all.size(); }
    const replay_event& front() const { return shard->all[next]; }
  };
  std::vector<reading> shards;
  shards.reserve(batch.size());
  for (const tcp::shard_outcome& each : batch)
    shards.push_back({static_cast<const shard_events*>(each.found.get())});
  for (;;) {
    reading* first = nullptr;
    for (reading& each : shards) {
      if (each.any() && (first == nullptr || each.front().when < first->front().when))
        first = &each;
    }
    if (first == nullptr)
      break;
    report(*first->shard, first->front());
    ++first->next;
  }
  for (const tcp::shard_outcome& each : batch)
    static_cast<shard_events&>(*each.found).clear();
}

void merger::report(const shard_events& shard, const replay_event& next) {
  if (next.kind == replay_event::began) {
    numbers_.add(next.connection, ++connections_);
    return;
  }
  listener_(next, shard.text_of(next), numbers_.of(next.connection));
  if (next.kind == replay_event::closed)
    numbers_.remove(next.connection);
}

}  // namespace khelp::app
