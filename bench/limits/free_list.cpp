#include "limits/free_list.hpp"

#include <cstdlib>

namespace {

struct item {
  item* next;
};
__thread item* first __attribute__((tls_model("initial-exec")));

}  // namespace

void* free_list_take() {
  item* taken = first;
  if (__builtin_expect(taken == nullptr, 0))
    return std::malloc(64);
  first = taken->next;
  return taken;
}

void free_list_give(void* given) {
  item* freed = static_cast<item*>(given);
  freed->next = first;
  first = freed;
}
