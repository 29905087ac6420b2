// Around a fork: the loader's own state is whole in the child.
#include <new>

#include "host/linker_calls.hpp"
#include "host/loader.hpp"

namespace khelp {

void loader::before_fork() KHELP_NO_TSA {
  linker_calls::before_fork();
  mutex_.lock();
  turn_.before_fork();
}

void loader::after_fork_in_parent() KHELP_NO_TSA {
  turn_.after_fork_in_parent();
  mutex_.unlock();
  linker_calls::after_fork_in_parent();
}

/// Only the forking thread lives on. A turn that another one had is free; what it had in work is
/// the child's, which looks at it with the next cold call (adopt()).
void loader::after_fork_in_child() KHELP_NO_TSA {
  new (&settled_) condition;
  (void)turn_.after_fork_in_child();
  for (const file& f : files_) {
    if (!f->busy || pthread_equal(f->worker, pthread_self()))
      continue;
    f->busy = false;
    f->orphaned = true;
  }
  mutex_.unlock();
  linker_calls::after_fork_in_child();
}

}  // namespace khelp
