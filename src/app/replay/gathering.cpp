#include "app/replay/gathering.hpp"

#include <cstddef>

namespace khelp::app {

void gathering::add(const std::vector<tcp::shard_outcome>& round) {
  struct reading {
    const happenings* shard;
    std::size_t next = 0;
    bool any() const { return next < shard->all.size(); }
    const happening& front() const { return shard->all[next]; }
  };
  std::vector<reading> shards;
  shards.reserve(round.size());
  for (const tcp::shard_outcome& each : round)
    shards.push_back({static_cast<const happenings*>(each.found.get())});
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
  for (const tcp::shard_outcome& each : round)
    static_cast<happenings&>(*each.found).clear();
}

void gathering::report(const happenings& shard, const happening& next) {
  if (next.what == happening::began) {
    numbers_.add(next.connection, ++connections_);
    return;
  }
  listener_(next, shard.text_of(next), numbers_.of(next.connection));
  if (next.what == happening::closed)
    numbers_.remove(next.connection);
}

}  // namespace khelp::app
