#include "limits/free_list.hpp"

#include <cstdlib>
#include <iterator>

namespace {

struct item {
  item* next;
};
__thread item* first __attribute__((tls_model("initial-exec")));

struct item_stack {
  long count;
  void* items[2048];
};
__thread item_stack* stack __attribute__((tls_model("initial-exec")));

item_stack* own_stack() {
  if (__builtin_expect(stack == nullptr, 0))
    stack = static_cast<item_stack*>(std::calloc(1, sizeof *stack));
  return stack;
}

}  // namespace

void* free_list_take() {
  item* taken = first;
  if (__builtin_expect(taken == nullptr, 0))
    return std::malloc(64);
  first = taken->next;
  return taken;
}

void* item_stack_take() {
  item_stack* own = own_stack();
  if (__builtin_expect(own->count == 0, 0))
    return std::malloc(64);
  return own->items[--own->count];
}

void item_stack_give(void* given) {
  item_stack* own = own_stack();
  if (__builtin_expect(own->count == std::ssize(own->items), 0))
    return std::free(given);
  own->items[own->count++] = given;
}

void free_list_give(void* given) {
  item* freed = static_cast<item*>(given);
  freed->next = first;
  first = freed;
}
