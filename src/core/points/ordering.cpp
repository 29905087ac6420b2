#include "core/points/ordering.hpp"

#include <algorithm>
#include <cerrno>
#include <tuple>

namespace khelp {
namespace {

auto key_of(const subscription& s) {
  return std::tuple(s.priority, s.load_order, s.index);
}

bool names(const std::vector<std::string>& list, const std::string& name) {
  return !name.empty() && std::find(list.begin(), list.end(), name) != list.end();
}

// Whether `a` must run before `b`, by either's word. A helper's word about itself means nothing.
bool must_precede(const subscription& a, const subscription& b) {
  if (a.owner_name == b.owner_name)
    return false;
  return names(a.before, b.owner_name) || names(b.after, a.owner_name);
}

bool has_constraints(const wish_list& wishes) {
  return std::any_of(wishes.begin(), wishes.end(), [](const subscription* wish) {
    return !wish->before.empty() || !wish->after.empty();
  });
}

failure cycle_among(const wish_list& wishes, const std::vector<bool>& placed) {
  std::string words = "hook order: before/after constraints form a cycle among";
  const char* separator = " ";
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (!placed[i]) {
      words += separator + ("'" + wishes[i]->owner_name + "'");
      separator = ", ";
    }
  }
  return {ELOOP, std::move(words)};
}

// The places of wishes that are given in the plain order: take, again and again, the first whose
// predecessors are all taken.
result<std::vector<std::size_t>> constrained_order(const wish_list& wishes) {
  std::vector<std::size_t> order;
  order.reserve(wishes.size());
  std::vector<bool> placed(wishes.size(), false);
  while (order.size() < wishes.size()) {
    std::size_t next = wishes.size();
    for (std::size_t i = 0; i < wishes.size() && next == wishes.size(); ++i) {
      bool ready = !placed[i];
      for (std::size_t j = 0; ready && j < wishes.size(); ++j)
        ready = placed[j] || j == i || !must_precede(*wishes[j], *wishes[i]);
      if (ready)
        next = i;
    }
    if (next == wishes.size())
      return cycle_among(wishes, placed);
    placed[next] = true;
    order.push_back(next);
  }
  return order;
}

}  // namespace

result<void> check_constraints(const wish_list& wishes) {
  if (!has_constraints(wishes))
    return {};
  auto order = constrained_order(wishes);
  return order ? result<void>() : std::move(order).error();
}

result<void> put_in_order(attachment_list& hooks) {
  const auto comes_before = [](const auto& a, const auto& b) {
    return key_of(a->wish()) < key_of(b->wish());
  };
  // Most often they are in order already: one was added at the end, or taken out.
  if (!std::is_sorted(hooks.begin(), hooks.end(), comes_before))
    std::stable_sort(hooks.begin(), hooks.end(), comes_before);
  wish_list wishes;
  wishes.reserve(hooks.size());
  for (const auto& hook : hooks)
    wishes.push_back(&hook->wish());
  if (!has_constraints(wishes))
    return {};
  auto order = constrained_order(wishes);
  if (!order)
    return std::move(order).error();
  attachment_list ordered;
  ordered.reserve(hooks.size());
  for (const std::size_t i : *order)
    ordered.push_back(hooks[i]);
  hooks.swap(ordered);
  return {};
}

std::string explain_position(const attachment_list& ordered, std::size_t position) {
  const subscription& mine = ordered[position]->wish();
  std::string words = "priority " + std::to_string(mine.priority);
  if (mine.load_order != 0)
    words += ", load " + std::to_string(mine.load_order);
  if (mine.index != 0)
    words += ", hook " + std::to_string(mine.index) + " of its table";
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    const subscription& other = ordered[i]->wish();
    if (i < position && must_precede(other, mine))
      words += "; after '" + other.owner_name + "'" +
               (names(mine.after, other.owner_name) ? " (its own wish)" : " (that one's wish)");
    if (i > position && must_precede(mine, other))
      words += "; before '" + other.owner_name + "'" +
               (names(mine.before, other.owner_name) ? " (its own wish)" : " (that one's wish)");
  }
  // Said only where a constraint changed something: the plain order would have it elsewhere.
  for (std::size_t i = 0; i < position; ++i) {
    if (key_of(mine) < key_of(ordered[i]->wish())) {
      words += "; moved back by constraints";
      break;
    }
  }
  return words;
}

}  // namespace khelp
