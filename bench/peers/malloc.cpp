/// Whatever malloc the process has: glibc's, or what LD_PRELOAD puts before it.
#include <cstdlib>

#include "memory.hpp"

namespace {

struct process_malloc {
  static void* take() { return std::malloc(item_size); }
  static void give(void* item) { std::free(item); }
};

const adds_rows malloc_rows{patterns<process_malloc>("malloc"),
                            handed_over<process_malloc>("malloc")};

}  // namespace
