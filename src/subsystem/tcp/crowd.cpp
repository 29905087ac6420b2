#include "subsystem/tcp/crowd.hpp"

#include <utility>

namespace khelp::tcp {

void crowd::make_room(uint64_t packet) {
  order when{packet, phase::crowded};
  for (member next = in_the_way(); next.keeper != nullptr; next = in_the_way()) {
    next.keeper->give_up(*next.connection, when);
    ++when.queued;
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

crowd::member crowd::first_at(stage how_far) const {
  const auto place_in_queue = [](const flow& f) { return std::pair(f.queued_at, f.began_at); };
  member first;
  for (engine* one : engines_) {
    flow* head = one->table().first_at(how_far);
    if (head != nullptr &&
        (first.connection == nullptr || place_in_queue(*head) < place_in_queue(*first.connection)))
      first = {one, head};
  }
  return first;
}

crowd::member crowd::in_the_way() const {
  if (number_at(stage::opening) >= limits_.opening_flows)
    return first_at(stage::opening);
  if (live() < limits_.flows)
    return {};
  for (const stage how_far : stages_by_weight) {
    if (const member first = first_at(how_far); first.keeper != nullptr)
      return first;
  }
  return {};
}

}  // namespace khelp::tcp
