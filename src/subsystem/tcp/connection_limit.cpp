#include "subsystem/tcp/connection_limit.hpp"

#include <utility>

namespace khelp::tcp {

void connection_limit::evict_for(uint64_t packet) {
  event_key when{packet, phase::evicted};
  for (member next = next_to_evict(); next.keeper != nullptr; next = next_to_evict()) {
    next.keeper->evict(*next.connection, when);
    ++when.rank;
  }
}

size_t connection_limit::number_at(stage how_far) const {
  size_t count = 0;
  for (const engine* one : engines_)
    count += one->table().number_at(how_far);
  return count;
}

size_t connection_limit::live() const {
  size_t count = 0;
  for (const engine* one : engines_)
    count += one->live();
  return count;
}

connection_limit::member connection_limit::longest_idle(stage how_far) const {
  const auto silence = [](const flow& f) { return std::pair(f.active_ns, f.began_at); };
  member longest;
  for (engine* one : engines_) {
    flow* idle = one->table().longest_idle(how_far);
    if (idle != nullptr &&
        (longest.connection == nullptr || silence(*idle) < silence(*longest.connection)))
      longest = {one, idle};
  }
  return longest;
}

connection_limit::member connection_limit::next_to_evict() const {
  if (number_at(stage::opening) >= limits_.opening_flows)
    return longest_idle(stage::opening);
  if (live() < limits_.flows)
    return {};
  for (const stage how_far : stages_by_weight) {
    if (const member idle = longest_idle(how_far); idle.keeper != nullptr)
      return idle;
  }
  return {};
}

}  // namespace khelp::tcp
