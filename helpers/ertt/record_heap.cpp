#include "record_heap.hpp"

#include <cstdlib>

#include "record.hpp"

namespace khelp::ertt {

void* take_record() noexcept {
  if (record_heap::left == 0)
    return nullptr;
  --record_heap::left;
  ++record_heap::out;
  return std::malloc(record_size);
}

void give_record(void* record) noexcept {
  --record_heap::out;
  std::free(record);
}

}  // namespace khelp::ertt
