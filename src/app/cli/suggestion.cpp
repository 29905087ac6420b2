#include "app/cli/suggestion.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace khelp::app {
namespace {

/// The optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> of(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        of[i][j] = i + j;
        continue;
      }
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      of[i][j] = std::min({of[i - 1][j] + 1, of[i][j - 1] + 1, of[i - 1][j - 1] + other});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        of[i][j] = std::min(of[i][j], of[i - 2][j - 2] + 1);
    }
  }
  return of[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view typed, std::span<const std::string_view> names) {
  constexpr std::size_t longest = 64;  // no name is as long, and the distance takes a square
  constexpr std::size_t far = 2;
  if (typed.size() > longest)
    return {};
  std::string_view best;
  std::size_t best_distance = far + 1;
  for (const std::string_view name : names) {
    const std::size_t away = distance(typed, name);
    if (away < best_distance && away < std::min(typed.size(), name.size())) {
      best = name;
      best_distance = away;
    }
  }
  return best;
}

}  // namespace khelp::app
