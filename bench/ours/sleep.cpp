/// libkhelp's sleep queues.
#include <khelp/sleep.h>

#include "turns.hpp"

namespace {

struct khelp_table {
  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  std::uint32_t turn = 0;

  void await(std::uint32_t mine) {
    khelp_mutex_lock(&mutex);
    while (turn != mine)
      khelp_msleep(this, &mutex, 0, "turn", nullptr);
    khelp_mutex_unlock(&mutex);
  }
  void pass(std::uint32_t mine) {
    khelp_mutex_lock(&mutex);
    turn = 1 - mine;
    khelp_mutex_unlock(&mutex);
    khelp_wakeup_one(this);
  }
};

khelp_table nobody_waits;

void wake() {
  keep(khelp_wakeup(&nobody_waits));
}

const adds_rows ours{round_trips<khelp_table>("libkhelp", role::ours),
                     idle_wakeup<wake>("libkhelp", role::ours)};

}  // namespace
