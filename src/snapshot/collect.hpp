/// How the contract's listings become vectors of values.
#pragma once

#include <new>
#include <utility>
#include <vector>

namespace khelp::snapshot {

/// Call a listing of the contract, and make a value of each thing that it shows.
///
/// No exception passes through the library: when memory runs out, the rest is skipped, and this throws.
///
/// Errors   throws std::bad_alloc, the only error that a listing has.
template <class Value, class Shown>
std::vector<Value> collect(int (*list)(void (*show)(void* arg, const Shown* shown), void* arg),
                           Value (*value_of)(const Shown& shown)) {
  struct collection {
    Value (*value_of)(const Shown& shown);
    std::vector<Value> values;
    bool complete = true;
  } all{value_of, {}};
  const int error = list(
      [](void* arg, const Shown* shown) {
        auto& to = *static_cast<collection*>(arg);
        try {
          to.values.push_back(to.value_of(*shown));
        } catch (const std::bad_alloc&) {
          to.complete = false;
        }
      },
      &all);
  if (error != 0 || !all.complete)
    throw std::bad_alloc();
  return std::move(all.values);
}

}  // namespace khelp::snapshot
