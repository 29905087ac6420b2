// The end of a wait, from the nanoseconds that a caller is ready to give.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <khelp/hhook.h>

namespace khelp {

class deadline {
 public:
  // Negative: never. So is what lies further off than the clock can count.
  explicit deadline(std::int64_t timeout_ns) noexcept {
    const auto now = clock::now();
    if (timeout_ns >= 0 && std::chrono::nanoseconds(timeout_ns) < never - now)
      end_ = now + std::chrono::nanoseconds(timeout_ns);
  }

  // As a caller of the contract says it.
  static deadline of_call(std::int64_t timeout_ns) noexcept {
    if (timeout_ns == KHELP_TIMEOUT_DEFAULT)
      return deadline(10'000'000'000);
    return deadline(timeout_ns == KHELP_TIMEOUT_NONE ? -1 : timeout_ns);
  }

  bool has_passed() const noexcept { return end_ != never && clock::now() >= end_; }
  // The time that is left, to be passed on as a timeout; negative: no limit.
  std::int64_t left_ns() const noexcept {
    if (end_ == never)
      return -1;
    return std::max<std::int64_t>(0, std::chrono::nanoseconds(end_ - clock::now()).count());
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr clock::time_point never = clock::time_point::max();

  clock::time_point end_ = never;
};

}  // namespace khelp
