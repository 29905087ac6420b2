/// The rows of the free list and the stack, and of a ring that nothing is taken for.
#include "memory.hpp"

#include "limits/free_list.hpp"

namespace {

struct free_list {
  static void* take() { return free_list_take(); }
  static void give(void* item) { free_list_give(item); }
};

struct item_stack {
  static void* take() { return item_stack_take(); }
  static void give(void* item) { item_stack_give(item); }
};

struct nothing {
  static void* take() { return &live<nothing>; }
  static void give(void* item) { keep(item); }
};

const adds_rows limits{
    patterns<free_list>("a thread's list", role::limit),
    patterns<item_stack>("a thread's stack", role::limit),
    handed_over<nothing>("the ring alone", role::limit),
};

}  // namespace
