#include "sync/barrier.hpp"

#include <linux/membarrier.h>
#include <mutex>
#include <sys/syscall.h>
#include <unistd.h>

namespace khelp {
namespace {

std::atomic<barrier_mode> mode{barrier_mode::fences};
std::once_flag deciding;
std::atomic<bool> decided{false};

long membarrier(int command) noexcept {
  return syscall(SYS_membarrier, command, 0, 0);
}

}  // namespace

barrier_mode decide_barrier_mode() noexcept {
  if (decided.load(std::memory_order_acquire))
    return mode.load(std::memory_order_relaxed);
  std::call_once(deciding, [] {
    if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
      mode.store(barrier_mode::membarrier, std::memory_order_relaxed);
    decided.store(true, std::memory_order_release);
  });
  return mode.load(std::memory_order_relaxed);
}

bool heavy_barrier() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (mode.load(std::memory_order_relaxed) == barrier_mode::fences)
    return true;
  return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

void barrier_after_fork() noexcept {
  if (mode.load(std::memory_order_relaxed) == barrier_mode::membarrier)
    membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

}  // namespace khelp
