#include <cstdint>
#include <ctime>

#include <khelp/clock.h>

namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t ns_per_ms = 1'000'000;

struct virtual_clock {
  bool set;
  std::int64_t ns;
};
__thread virtual_clock mine __attribute__((tls_model("initial-exec"))) = {false, 0};

}  // namespace

extern "C" int64_t khelp_clock_ns(void) noexcept {
  if (mine.set)
    return mine.ns;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * ns_per_s + now.tv_nsec;
}

extern "C" uint32_t khelp_clock_ticks(void) noexcept {
  // Floor, so that ticks advance evenly through a clock that was set below zero.
  const std::int64_t ns = khelp_clock_ns();
  const std::int64_t ms = ns >= 0 ? ns / ns_per_ms : -((-ns + ns_per_ms - 1) / ns_per_ms);
  return static_cast<uint32_t>(ms);
}

extern "C" void khelp_clock_set(int64_t ns) noexcept {
  mine = {true, ns};
}

extern "C" void khelp_clock_reset(void) noexcept {
  mine = {false, 0};
}
