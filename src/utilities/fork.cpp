// Around a fork: the sleep queues and the lists of types and processes are whole in the child, which has one
// sleeper at most.
#include <pthread.h>

#include "utilities/malloc_type.hpp"
#include "utilities/proc_fork.hpp"
#include "utilities/sleep_queue.hpp"

namespace khelp {
namespace {

void prepare() KHELP_NO_TSA {
  procs_fork_prepare();
  types_fork_prepare();
  for (unsigned i = 0; i < channel_queues; ++i)
    queue_at(i).fork_prepare();
}

void parent() KHELP_NO_TSA {
  for (unsigned i = 0; i < channel_queues; ++i)
    queue_at(i).fork_parent();
  types_fork_done();
  procs_fork_parent();
}

void child() KHELP_NO_TSA {
  for (unsigned i = 0; i < channel_queues; ++i)
    queue_at(i).fork_child();
  types_fork_done();
  procs_fork_child();
}

// Before any thread can sleep: when the library is loaded. Only notes functions.
[[gnu::constructor]] void watch_forks() {
  pthread_atfork(prepare, parent, child);
}

}  // namespace
}  // namespace khelp
