/// The limit of a removal: one membarrier, while a thread runs a bare array.
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "callbacks.hpp"

namespace {

struct nothing_published {
  nothing_published() { syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0); }
  void add(std::intptr_t) {}
  void remove(std::intptr_t) { syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); }
  void run(tick& event, khelp_osd* object) { count_tick(1, 2, nullptr, &event, nullptr, object); }
};

const adds_rows membarrier{removal<nothing_published>("one membarrier", role::limit)};

}  // namespace
