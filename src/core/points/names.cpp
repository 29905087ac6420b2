// Names and pairs of points.
#include <algorithm>
#include <string>

#include "core/points/hook_registry.hpp"

namespace khelp {

// Who asks for both a point's name and its pair is called once.
bool hook_registry::is_wished_for(std::span<const std::shared_ptr<subscription>> wishes,
                                  const subscription& wish) {
  return std::any_of(wishes.begin(), wishes.end(),
                     [&](const auto& other) { return other->same_hook(wish.info); });
}

point_name hook_registry::meant(point_name name) const {
  if (name.type != KHELP_HHOOK_TYPE_NAMED)
    return name;
  const auto at = meanings_.find(name);
  return at == meanings_.end() ? name : at->second;
}

void hook_registry::forget_name_if_unused(point_name name) {
  auto at = names_.find(name);
  if (at != names_.end() && at->second.points.empty() && at->second.wishes.empty())
    names_.erase(at);
}

result<point_name> hook_registry::pair_for(const std::string& words) {
  lock_guard held(registry_mutex);
  auto at = pairs_.find(words);
  if (at == pairs_.end()) {
    const point_name pair{KHELP_HHOOK_TYPE_NAMED, static_cast<std::int32_t>(named_.size())};
    named_.push_back(nullptr);  // if there is no memory for the rest, the number is nobody's
    at = pairs_.emplace(words, pair).first;
    named_.back() = &at->first;
  }
  return at->second;
}

std::string hook_registry::words_for(point_name name) {
  const auto number = static_cast<std::size_t>(name.id);
  if (name.type == KHELP_HHOOK_TYPE_NAMED && number < named_.size() && named_[number] != nullptr)
    return *named_[number];
  for (const auto& [words, pair] : pairs_) {
    if (pair == name)
      return words;
  }
  return to_string(name);
}

}  // namespace khelp
