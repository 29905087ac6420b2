// Around a fork: the table of files is whole in the child.
#include <new>
#include <pthread.h>

#include "host/files.hpp"
#include "host/linker_calls.hpp"

namespace khelp {

void file_table::before_fork() KHELP_NO_TSA {
  linker_calls::before_fork();
  loader_mutex.lock();
  load_turn.before_fork();
}

void file_table::after_fork_in_parent() KHELP_NO_TSA {
  load_turn.after_fork_in_parent();
  loader_mutex.unlock();
  linker_calls::after_fork_in_parent();
}

/// Only the forking thread lives on. A turn that another one had is free; the files that others worked
/// on are looked at by the next control-path call of the child (adopt() in unload.cpp).
void file_table::after_fork_in_child() KHELP_NO_TSA {
  new (&work_ended_) condition;
  (void)load_turn.after_fork_in_child();
  for (const auto& [id, f] : files_) {
    if (!f->busy || pthread_equal(f->worker, pthread_self()))
      continue;
    unfinished_ -= needs_finishing(*f);
    f->busy = false;
    f->orphaned = true;
    unfinished_ += needs_finishing(*f);
  }
  loader_mutex.unlock();
  linker_calls::after_fork_in_child();
}

namespace {

// When the library is loaded: the C library does not call, for a fork that has begun, what is noted
// meanwhile. After the core's (src/CMakeLists.txt has the order), so that it is called before it.
[[gnu::constructor]] void watch_forks() {
  // Each leaves the lock as the next one finds it, which is more than the analysis can follow.
  pthread_atfork([]() KHELP_NO_TSA { the_files().before_fork(); },
                 []() KHELP_NO_TSA { the_files().after_fork_in_parent(); },
                 []() KHELP_NO_TSA { the_files().after_fork_in_child(); });
}

}  // namespace

}  // namespace khelp
