// Around a fork: the registries, stripes and zones are whole in the child, which has one thread.
//
// Locks are taken in their order (instances, registry, stripes, zones), never a ticket. The child
// keeps the caller's record; sections of threads that are not in the child are closed.
#include <pthread.h>

#include "core/filters/socket_filters.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/helpers/object_walk.hpp"
#include "core/instances/instance.hpp"
#include "core/lists/hook_lists.hpp"
#include "core/objects/osd.hpp"
#include "core/points/hook_registry.hpp"
#include "core/zones/uma.hpp"
#include "sync/barrier.hpp"
#include "sync/publication.hpp"
#include "sync/section.hpp"
#include "sync/thread_record.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

void prepare() KHELP_NO_TSA {
  the_instances().before_fork();
  registry_mutex.lock();
  walks_before_fork();
  osd::fork_prepare();
  uma::fork_prepare();
}

void parent() KHELP_NO_TSA {
  uma::fork_parent();
  walks_after_fork_in_parent();
  osd::fork_parent();
  registry_mutex.unlock();
  the_instances().after_fork_in_parent();
}

void child() KHELP_NO_TSA {
  barrier_after_fork();
  records_after_fork();
  the_helpers().forget_other_threads();
  // Of all places first, then this thread's are counted again.
  the_hooks().for_each_point_with_ends([](const hook_point_record& point) {
    if (point.head != nullptr)
      forget_deep(point.head->hhh_deep);
  });
  the_helpers().forget_deep_readers();
  the_hook_lists().after_fork();
  forget_deep_readers();
  deep_sections_after_fork();
  the_socket_filters().after_fork();
  uma::fork_child();
  walks_after_fork_in_child();
  osd::fork_child();
  registry_mutex.unlock();
  the_instances().after_fork_in_child();
}

// Before any thread of ours can fork: when the library is loaded. Only notes functions; takes no
// lock of ours.
[[gnu::constructor]] void watch_forks() {
  pthread_atfork(prepare, parent, child);
}

}  // namespace
}  // namespace khelp
