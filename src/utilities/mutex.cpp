// The mutex to sleep with: a word to lock and the thread that holds it.
#include <cerrno>

#include <khelp/sleep.h>

#include "base/failure_text.hpp"
#include "sync/futex_lock.hpp"
#include "sync/word.hpp"

using namespace khelp;

namespace {

// Its address is the thread, also in the child of a fork.
__thread char me __attribute__((tls_model("initial-exec")));

// Only the holder stores its own address, and takes it back before it unlocks: so what another
// thread reads is never its own.
bool held_by_me(const khelp_mutex& mutex) noexcept {
  return load_relaxed(mutex.khm_owner) == &me;
}

void take(khelp_mutex& mutex) noexcept {
  store_relaxed(mutex.khm_owner, &me);
}

}  // namespace

int khelp_mutex_lock(struct khelp_mutex* mutex) noexcept {
  if (held_by_me(*mutex)) {
    set_failure_text("mutex: this thread holds it already");
    return EDEADLK;
  }
  lock_word(mutex->khm_word);
  take(*mutex);
  return 0;
}

int khelp_mutex_try_lock(struct khelp_mutex* mutex) noexcept {
  if (!try_lock_word(mutex->khm_word)) {
    set_failure_text("mutex: it is held");
    return EBUSY;
  }
  take(*mutex);
  return 0;
}

int khelp_mutex_unlock(struct khelp_mutex* mutex) noexcept {
  if (!held_by_me(*mutex)) {
    set_failure_text("mutex: this thread does not hold it");
    return EPERM;
  }
  store_relaxed(mutex->khm_owner, nullptr);
  unlock_word(mutex->khm_word);
  return 0;
}

int khelp_mutex_held(const struct khelp_mutex* mutex) noexcept {
  return held_by_me(*mutex) ? 1 : 0;
}
