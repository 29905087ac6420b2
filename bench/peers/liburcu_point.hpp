// A set of callbacks that liburcu-bp's readers use: twice included, with its read side in line
// (_LGPL_SOURCE) and out of line, each file with its own type.
#include <algorithm>
#include <urcu/urcu-bp.h>

#include "callbacks.hpp"
#include "limits/bare_array.hpp"

namespace {

struct liburcu_point {
  bare_array* current = new bare_array{};

  void add(std::intptr_t number) {
    bare_array* next = new bare_array(*current);
    next->hooks[next->count++] = {count_tick, reinterpret_cast<void*>(number)};
    publish(next);
  }
  void remove(std::intptr_t number) {
    bare_array* next = new bare_array(*current);
    bare_hook* end = std::remove_if(
        next->hooks, next->hooks + next->count,
        [=](const bare_hook& hook) { return hook.udata == reinterpret_cast<void*>(number); });
    next->count = end - next->hooks;
    publish(next);
  }
  void run(tick& event, khelp_osd* object) {
    urcu_bp_read_lock();
    const bare_array* array = rcu_dereference(current);
    for (long i = 0; i < array->count; ++i)
      array->hooks[i].function(1, 2, array->hooks[i].udata, &event, nullptr, object);
    urcu_bp_read_unlock();
  }

 private:
  void publish(bare_array* next) {
    bare_array* old = current;
    rcu_set_pointer(&current, next);
    urcu_bp_synchronize_rcu();
    delete old;
  }
};

}  // namespace
