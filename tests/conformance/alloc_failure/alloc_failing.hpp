// Allocations of this process, counted and made to fail: malloc and its relatives, operator new
// (which stands on malloc), mmap. Under a sanitizer, which has its own malloc: operator new only.
#pragma once

namespace alloc {

enum class failing { one, all_from, all_before };

// Have the n-th allocation from now on (1: the next) fail, or it and all after it, or all before it.
void fail(unsigned n, failing which);
// No more failures. Returns how many there were.
unsigned disarm();

// Blocks and pages that are out now.
long live();

}  // namespace alloc
