// malloc(9): a block is 16 bytes of ours, then the caller's, from the C library's malloc.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <khelp/malloc.h>

#include "base/cancellation.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "base/panic.hpp"
#include "sync/word.hpp"
#include "utilities/malloc_type.hpp"

namespace khelp {
namespace {

struct alignas(16) header {
  malloc_record* record;
  std::size_t size;  // as asked for
};
static_assert(sizeof(header) == 16, "blocks are aligned to 16 bytes");

constexpr std::size_t largest = PTRDIFF_MAX - sizeof(header);

header& header_of(void* block) noexcept {
  return static_cast<header*>(block)[-1];
}
const header& header_of(const void* block) noexcept {
  return static_cast<const header*>(block)[-1];
}

// ---- accounting ----

void count(malloc_record& record, unsigned cell) noexcept {
  if (this_record == nullptr)
    enrol();
  bump(record.block, cell);
}

void account_in(malloc_record& record, std::size_t size) noexcept {
  count(record, malloc_record::cell_allocations);
  record.bytes.change(counting_record, static_cast<std::int64_t>(size));
  const std::uint64_t bit = std::uint64_t{1} << std::bit_width(size > 1 ? size - 1 : 0);
  if ((record.sizes & bit) == 0)
    record.sizes |= bit;
}

void account_out(malloc_record& record, std::size_t size) noexcept {
  count(record, malloc_record::cell_frees);
  record.bytes.change(counting_record, -static_cast<std::int64_t>(size));
}

// ---- wrong types ----

#if defined(NDEBUG)
constexpr bool debugging_build = false;
#else
constexpr bool debugging_build = true;
#endif

bool debug_at_first() noexcept {
  const char* words = secure_getenv("KHELP_MALLOC_DEBUG");
  return words == nullptr ? debugging_build : std::atoi(words) != 0;
}

std::atomic<bool>& debugging() noexcept {
  static std::atomic<bool> on{debug_at_first()};
  return on;
}

void check_type(const header& h, const khelp_malloc_type* type) noexcept {
  if (type == nullptr || load_relaxed(type->khm_record) == h.record)
    return;
  count(*h.record, malloc_record::cell_mismatches);
  if (debugging())
    log(KHELP_LOG_ERROR, {"malloc: a block of ", number_text(h.size), " bytes of type ",
                          h.record->name, " is given back as one of ", name_of(*type)});
}

// ---- memory ----

bool may_wait(int flags) noexcept {
  return (flags & KHELP_M_NOWAIT) == 0;
}

// Pauses of 1, 2, 4 … 512 ms, 1.023 s in all, with an attempt after each.
constexpr int pauses = 10;

// Free items of zones are memory too. Signals do not shorten the pause.
void wait_for_memory(int turn) noexcept {
  const no_cancellation whole;
  khelp_uma_reclaim(KHELP_UMA_RECLAIM_DRAIN_CPU);
  timespec left{0, 1'000'000L << turn};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// allocate: () -> header*. One that fails is repeated while the caller may wait.
template <class Allocate>
header* insist(std::size_t size, int flags, Allocate allocate) noexcept {
  if (size > largest)
    return nullptr;
  header* made = allocate();
  for (int turn = 0; made == nullptr && may_wait(flags) && turn < pauses; ++turn) {
    wait_for_memory(turn);
    made = allocate();
  }
  return made;
}

void* fail(khelp_malloc_type& type, std::size_t size, int flags) noexcept {
  if (malloc_record* record = record_of(type))
    count(*record, malloc_record::cell_failures);
  if (may_wait(flags) && (flags & KHELP_M_NULL) == 0)
    panic({"malloc: no memory for ", number_text(size), " bytes of type ", name_of(type)});
  return nullptr;
}

void* hand_out(header* made, malloc_record& record, std::size_t size) noexcept {
  *made = {&record, size};
  account_in(record, size);
  return made + 1;
}

}  // namespace
}  // namespace khelp

using namespace khelp;

void* khelp_malloc(size_t size, struct khelp_malloc_type* type, int flags) {
  const bool zero = (flags & KHELP_M_ZERO) != 0;
  malloc_record* record = nullptr;
  header* made = insist(size, flags, [&]() -> header* {
    record = record_of(*type);
    if (record == nullptr)
      return nullptr;
    const std::size_t whole = sizeof(header) + size;
    return static_cast<header*>(zero ? std::calloc(1, whole) : std::malloc(whole));
  });
  return made != nullptr ? hand_out(made, *record, size) : fail(*type, size, flags);
}

void* khelp_mallocarray(size_t count, size_t size, struct khelp_malloc_type* type, int flags) {
  std::size_t whole = 0;
  if (__builtin_mul_overflow(count, size, &whole))
    whole = SIZE_MAX;
  return khelp_malloc(whole, type, flags);
}

void* khelp_realloc(void* block, size_t size, struct khelp_malloc_type* type, int flags) {
  if (block == nullptr)
    return khelp_malloc(size, type, flags);
  header& before = header_of(block);
  check_type(before, type);
  malloc_record& record = *before.record;
  const std::size_t old_size = before.size;
  header* made = insist(size, flags, [&] {
    return static_cast<header*>(std::realloc(&before, sizeof(header) + size));
  });
  if (made == nullptr)
    return fail(*type, size, flags);
  account_out(record, old_size);
  void* moved = hand_out(made, record, size);
  if ((flags & KHELP_M_ZERO) != 0 && size > old_size)
    std::memset(static_cast<char*>(moved) + old_size, 0, size - old_size);
  return moved;
}

void* khelp_reallocf(void* block, size_t size, struct khelp_malloc_type* type, int flags) {
  void* moved = khelp_realloc(block, size, type, flags);
  if (moved == nullptr)
    khelp_free(block, type);
  return moved;
}

void khelp_free(void* block, struct khelp_malloc_type* type) {
  if (block == nullptr)
    return;
  header& h = header_of(block);
  check_type(h, type);
  account_out(*h.record, h.size);
  std::free(&h);
}

void khelp_zfree(void* block, struct khelp_malloc_type* type) {
  if (block == nullptr)
    return;
  explicit_bzero(block, header_of(block).size);
  khelp_free(block, type);
}

size_t khelp_malloc_usable_size(const void* block) noexcept {
  return block == nullptr ? 0 : header_of(block).size;
}

void khelp_malloc_set_debug(int on) noexcept {
  debugging() = on != 0;
}
