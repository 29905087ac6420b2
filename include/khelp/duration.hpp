/// Durations as the C face takes them.
#ifndef KHELP_DURATION_HPP
#define KHELP_DURATION_HPP

#include <chrono>
#include <cstdint>

#include <khelp/hhook.h>

namespace khelp {

/// In whole nanoseconds, rounded up. What does not fit (292 years and more) is the largest or the
/// smallest that does.
template <class Rep, class Period>
constexpr std::int64_t saturated_ns(std::chrono::duration<Rep, Period> time) noexcept {
  constexpr double most_s = INT64_MAX / 1'000'000'000;  // whole seconds: they always fit
  const double s = std::chrono::duration<double>(time).count();
  if (s >= most_s)
    return INT64_MAX;
  if (s <= -most_s)
    return INT64_MIN;
  return std::chrono::ceil<std::chrono::duration<std::int64_t, std::nano>>(time).count();
}

/// How long to wait at most: any duration. None: KHELP_TIMEOUT_DEFAULT; zero or a negative one: for
/// ever.
class wait_limit {
 public:
  constexpr wait_limit() noexcept = default;
  template <class Rep, class Period>
  constexpr wait_limit(std::chrono::duration<Rep, Period> time) noexcept  // NOLINT
      : ns_(saturated_ns(time) < 0 ? KHELP_TIMEOUT_NONE : saturated_ns(time)) {}

  constexpr std::int64_t ns() const noexcept { return ns_; }

 private:
  std::int64_t ns_ = KHELP_TIMEOUT_DEFAULT;
};

}  // namespace khelp

#endif
