#include "subsystem/tcp/crowd.hpp"

#include <utility>

namespace khelp::tcp {

void crowd::make_room(uint64_t packet) {
  order when{packet, phase::crowded};
  for (member next = in_the_way(); next.keeper != nullptr; next = in_the_way()) {
    next.keeper->give_up(*next.connection, when);
    ++when.place;
  }
}

size_t crowd::number_at(stage how_far) const {
  size_t count = 0;
  for (const engine* one : engines_)
    count += one->table().number_at(how_far);
  return count;
}

size_t crowd::live() const {
  size_t count = 0;
  for (const engine* one : engines_)
    count += one->live();
  return count;
}

crowd::member crowd::longest_idle(stage how_far) const {
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

crowd::member crowd::in_the_way() const {
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
