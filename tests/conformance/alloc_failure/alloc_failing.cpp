#include "alloc_failing.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace alloc {
namespace {

// The children that use it have one thread.
bool armed = false;
failing how = failing::one;
unsigned left = 0;
unsigned failed = 0;
long out = 0;     // blocks
long mapped = 0;  // pages

bool fails() {
  if (!armed)
    return false;
  if (left > 1) {
    --left;
    failed += how == failing::all_before ? 1 : 0;
    return how == failing::all_before;
  }
  if (how == failing::all_before)
    return false;
  if (left == 0 && how == failing::one)
    return false;
  left = 0;
  ++failed;
  return true;
}

void* counted(void* memory) {
  if (memory != nullptr)
    ++out;
  return memory;
}
void uncount(const void* memory) {
  if (memory != nullptr)
    --out;
}
[[maybe_unused]] long pages(std::size_t length) {
  return static_cast<long>((length + 4095) / 4096);
}
[[maybe_unused]] void* refused() {
  errno = ENOMEM;
  return nullptr;
}

}  // namespace

void fail(unsigned n, failing which) {
  how = which;
  left = n;
  failed = 0;
  armed = true;
}
unsigned disarm() {
  armed = false;
  return failed;
}
long live() {
  return out + mapped;
}

}  // namespace alloc

using namespace alloc;

#if defined(ALLOC_OPERATOR_NEW_ONLY)

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return fails() ? nullptr : counted(std::malloc(size != 0 ? size : 1));
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow))
    return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return operator new(size, std::nothrow);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  void* memory = fails() ? nullptr : std::aligned_alloc(align, (size + align - 1) / align * align);
  if (memory == nullptr)
    throw std::bad_alloc();
  return counted(memory);
}
void operator delete(void* memory) noexcept {
  uncount(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  operator delete(memory);
}
void operator delete[](void* memory) noexcept {
  operator delete(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  operator delete(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  operator delete(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  operator delete(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  operator delete(memory);
}

#else

extern "C" {

void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* memory, std::size_t size);            // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT
void __libc_free(void* memory);                                  // NOLINT

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void* malloc(std::size_t size) {
  return fails() ? refused() : counted(__libc_malloc(size));
}
EXPORTED void* calloc(std::size_t count, std::size_t size) {
  return fails() ? refused() : counted(__libc_calloc(count, size));
}
EXPORTED void* realloc(void* memory, std::size_t size) {
  if (fails())
    return refused();
  void* moved = __libc_realloc(memory, size);
  if (memory == nullptr)
    counted(moved);
  return moved;
}
EXPORTED void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return fails() ? refused() : counted(__libc_memalign(alignment, size));
}
EXPORTED void* memalign(std::size_t alignment, std::size_t size) {
  return aligned_alloc(alignment, size);
}
EXPORTED int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  void* memory = aligned_alloc(alignment, size);
  if (memory == nullptr)
    return ENOMEM;
  *into = memory;
  return 0;
}
EXPORTED void free(void* memory) {
  uncount(memory);
  __libc_free(memory);
}

EXPORTED void* mmap(void* at, std::size_t length, int protection, int flags, int fd, off_t offset) {
  if (fails()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  const long answer = syscall(SYS_mmap, at, length, protection, flags, fd, offset);
  auto* memory = reinterpret_cast<void*>(answer);
  if (memory != MAP_FAILED)
    mapped += pages(length);
  return memory;
}
EXPORTED int munmap(void* at, std::size_t length) {
  const auto answer = static_cast<int>(syscall(SYS_munmap, at, length));
  if (answer == 0)
    mapped -= pages(length);
  return answer;
}

}  // extern "C"

#endif
