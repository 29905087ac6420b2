// A point's name and its pair, while the point is being registered.
#pragma once

#include <span>
#include <string>

#include "core/points/hook_registry.hpp"

namespace khelp {

// A name that is looked up to be filled: if nothing comes of it, it goes again.
class hook_registry::name_in_use {
 public:
  name_in_use(hook_registry& registry, point_name n) : name(n), registry_(registry) {}
  name_in_use(const name_in_use&) = delete;
  name_in_use& operator=(const name_in_use&) = delete;
  ~name_in_use() KHELP_NO_TSA { registry_.forget_name_if_unused(name); }

  const point_name name;

 private:
  hook_registry& registry_;
};

// The name of a point that has a pair of its own becomes that pair's: hooks that asked for the name
// before are meant for the point, and so is the pair that the name had until now. If nothing comes of
// the point, all is as it was.
class hook_registry::naming {
 public:
  naming(hook_registry& registry, const std::string& words, point_name pair) KHELP_NO_TSA
      : registry_(registry),
        words_(words),
        pair_(pair) {
    if (words.empty() || pair.type == KHELP_HHOOK_TYPE_NAMED)
      return;
    const auto [at, fresh] = registry.pairs_.try_emplace(words, pair);
    fresh_ = fresh;
    if (fresh || at->second == pair)
      return;
    const auto asked_for = registry.names_.find(at->second);
    is_taken_ = at->second.type != KHELP_HHOOK_TYPE_NAMED ||
                (asked_for != registry.names_.end() && !asked_for->second.points.empty());
    if (is_taken_)
      return;
    before_ = at->second;
    registry.meanings_.emplace(before_, pair);
    changes_ = true;
    if (asked_for == registry.names_.end())
      return;
    moved_ = &asked_for->second.wishes;
    auto& wishes = registry.names_[pair].wishes;
    wishes.reserve(wishes.size() + moved_->size());
  }
  naming(const naming&) = delete;
  naming& operator=(const naming&) = delete;
  ~naming() KHELP_NO_TSA {
    if (fresh_)
      registry_.pairs_.erase(words_);
    if (changes_)
      registry_.meanings_.erase(before_);
  }

  // The name is another point's.
  bool is_taken() const { return is_taken_; }
  std::span<std::shared_ptr<subscription>> wishes() const {
    return moved_ == nullptr ? std::span<std::shared_ptr<subscription>>() : std::span(*moved_);
  }

  void commit() noexcept KHELP_NO_TSA {
    if (changes_)
      registry_.pairs_.find(words_)->second = pair_;
    if (moved_ != nullptr) {
      auto& wishes = registry_.names_.find(pair_)->second.wishes;
      for (auto& wish : *moved_) {
        if (!is_wished_for(wishes, *wish))
          wishes.push_back(std::move(wish));
      }
      registry_.names_.erase(before_);
    }
    fresh_ = changes_ = false;
  }

 private:
  hook_registry& registry_;
  const std::string& words_;
  const point_name pair_;
  point_name before_{};  // the pair that the name had
  std::vector<std::shared_ptr<subscription>>* moved_ = nullptr;
  bool fresh_ = false;
  bool changes_ = false;
  bool is_taken_ = false;
};

}  // namespace khelp
