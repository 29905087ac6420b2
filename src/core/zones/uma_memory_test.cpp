// Memory runs out at every point, one after the other: each function says what its page says, and
// nothing is left behind.
//
// The program's own mmap() and operator new fail when told to. ThreadSanitizer needs its own.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/osd.h>
#include <khelp/uma.h>

#include "core/zones/uma_zone.hpp"

#if !KHELP_UNDER_TSAN

namespace {

// Allocations of this thread until one fails; 0: none does; all_fail: every one does. And whether
// one did.
constexpr int all_fail = -1;
thread_local int countdown = 0;
thread_local bool failed = false;

bool fails_now() {
  if (countdown == 0 || (countdown != all_fail && --countdown != 0))
    return false;
  failed = true;
  return true;
}

}  // namespace

extern "C" void* mmap(void* at, std::size_t length, int prot, int flags, int fd,
                      off_t offset) noexcept {
  if (fails_now()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, length, prot, flags, fd, offset));
}

void* operator new(std::size_t size) {
  void* memory = fails_now() ? nullptr : std::malloc(size);
  if (memory == nullptr)
    throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return fails_now() ? nullptr : std::malloc(size);
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept {
  return operator new(size, nothrow);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

// Run `body` with its n-th allocation failing, for n = 1, 2, … until none is left to fail. body is
// told nothing: it checks what it can about the results, and that everything it made can be undone.
template <class Body>
int fail_each_allocation(Body body) {
  for (int n = 1;; ++n) {
    countdown = n;
    failed = false;
    body();
    countdown = 0;
    if (!failed)
      return n - 1;
    if (testing::Test::HasFailure())
      return n;
  }
}

// While it lives nothing fails.
class safely {
 public:
  safely() : kept_(std::exchange(countdown, 0)) {}
  ~safely() { countdown = kept_; }

 private:
  int kept_;
};

int inits_less_finis = 0;
int count_init(void*, int, int) {
  ++inits_less_finis;
  return 0;
}
void count_fini(void*, int) {
  --inits_less_finis;
}

void use_a_zone() {
  khelp_uma_zone_t zone = khelp_uma_zcreate("a name longer than any buffer inside a string object",
                                            2000, nullptr, nullptr, count_init, count_fini, 0, 0);
  if (zone == nullptr)
    return;
  std::vector<void*> items;
  {
    const safely reserve;
    items.reserve(200);
  }
  std::uint64_t refused = 0;
  for (int i = 0; i < 200; ++i) {
    if (void* item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT))
      items.push_back(item);
    else
      ++refused;
  }
  const int made_in_advance = khelp_uma_prealloc(zone, 40);
  EXPECT_TRUE(made_in_advance == 0 || made_in_advance == ENOMEM);
  {
    const safely look;
    EXPECT_EQ(khelp_uma_zone_get_cur(zone), static_cast<int>(items.size()));
    const khelp::lock_guard held(zone->lock);
    EXPECT_EQ(zone->fails, refused);
  }
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
  EXPECT_EQ(inits_less_finis, 0);
}

// First: the thread's record, its caches and the map of slabs are made once for the process.
TEST(uma_memory, a_zone_used_by_a_new_thread) {
  EXPECT_GT(fail_each_allocation([] {
              const int n = countdown;
              std::thread* thread = nullptr;
              bool one_failed = false;
              {
                const safely start;
                thread = new std::thread([n, &one_failed] {
                  countdown = n;
                  use_a_zone();
                  countdown = 0;
                  one_failed = failed;
                });
                thread->join();
                delete thread;
              }
              countdown = 0;
              failed = one_failed;
            }),
            5);
}

TEST(uma_memory, a_zone) {
  EXPECT_GT(fail_each_allocation(use_a_zone), 5);
}

TEST(uma_memory, an_allocation_that_may_wait_gets_its_item_in_the_end) {
  fail_each_allocation([] {
    khelp_uma_zone_t zone = khelp_uma_zcreate("wait", 64, nullptr, nullptr, nullptr, nullptr, 0, 0);
    if (zone == nullptr)
      return;
    void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
    EXPECT_NE(item, nullptr);
    khelp_uma_zfree(zone, item);
    EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
  });
}

TEST(uma_memory, statistics_and_warnings) {
  khelp_uma_zone_t zone = khelp_uma_zcreate("stats", 64, nullptr, nullptr, nullptr, nullptr, 0, 0);
  fail_each_allocation([] {
    int zones = 0;
    const int error = khelp_uma_stats(
        [](void* arg, const khelp_uma_stat*) { ++*static_cast<int*>(arg); }, &zones);
    EXPECT_TRUE(error == 0 ? zones > 0 : error == ENOMEM && zones == 0);
  });
  fail_each_allocation([zone] {
    khelp_uma_zone_set_warning(zone, "a warning longer than any buffer inside a string object");
  });
  khelp_uma_zdestroy(zone);
}

TEST(uma_memory, the_reserve_is_for_those_who_ask_for_it) {
  khelp_uma_zone_t zone =
      khelp_uma_zcreate("reserve", 4000, nullptr, nullptr, nullptr, nullptr, 0, 0);
  khelp_uma_zone_reserve(zone, 5);
  khelp_uma_prealloc(zone, 1);
  const std::size_t per_slab = zone->layout.items;
  std::vector<void*> items;
  items.reserve(100);
  // No further slab can be had.
  const auto alloc = [](khelp_uma_zone_t z, int request) {
    countdown = all_fail;
    void* item = khelp_uma_zalloc(z, request);
    countdown = 0;
    return item;
  };
  while (void* item = alloc(zone, KHELP_M_NOWAIT))
    items.push_back(item);
  EXPECT_EQ(items.size(), per_slab - 5);
  for (int i = 0; i < 5; ++i) {
    items.push_back(alloc(zone, KHELP_M_NOWAIT | KHELP_M_USE_RESERVE));
    EXPECT_NE(items.back(), nullptr);
  }
  EXPECT_EQ(alloc(zone, KHELP_M_NOWAIT | KHELP_M_USE_RESERVE), nullptr);
  // What is freed fills the reserve first.
  for (int i = 0; i < 5; ++i) {
    khelp_uma_zfree(zone, items.back());
    items.pop_back();
    EXPECT_EQ(alloc(zone, KHELP_M_NOWAIT), nullptr);
  }
  khelp_uma_zfree(zone, items.back());
  items.back() = alloc(zone, KHELP_M_NOWAIT);
  EXPECT_NE(items.back(), nullptr);
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

// ---- osd ----

bool all_zero(const khelp_osd& osd) {
  const khelp_osd zero{};
  return std::memcmp(&osd, &zero, sizeof zero) == 0;
}

void use_object_data(unsigned type) {
  const khelp_osd_method_t methods[KHELP_PR_MAXMETHOD] = {};
  unsigned slots[80] = {};
  unsigned registered = 0;
  for (unsigned& slot : slots) {
    slot = static_cast<unsigned>(khelp_osd_register(type, nullptr, methods));
    registered += slot != 0 ? 1 : 0;
  }
  EXPECT_GE(registered, 16u) << "entries come in blocks";
  int value = 0;
  khelp_osd object{};
  unsigned set = 0;
  for (unsigned slot : slots) {
    if (slot == 0)
      continue;
    const int error = khelp_osd_set(type, &object, slot, &value);
    EXPECT_TRUE(error == 0 || error == ENOMEM);
    set += error == 0 ? 1 : 0;
    EXPECT_EQ(khelp_osd_get(type, &object, slot), error == 0 ? &value : nullptr);
  }
  if (void** room = khelp_osd_reserve(slots[79] != 0 ? slots[79] : 1)) {
    khelp_osd another{};
    if (slots[79] == 0 || khelp_osd_set_reserved(type, &another, slots[79], room, &value) != 0)
      khelp_osd_free_reserved(room);
    khelp_osd_exit(type, &another);
    EXPECT_TRUE(all_zero(another));
  }
  unsigned found = 0;
  for (unsigned slot : slots)
    found += slot != 0 && khelp_osd_get(type, &object, slot) == &value ? 1 : 0;
  EXPECT_EQ(found, set) << "the old contents are intact";
  khelp_osd_exit(type, &object);
  EXPECT_TRUE(all_zero(object));
  for (unsigned slot : slots) {
    if (slot != 0)
      khelp_osd_deregister(type, slot);
  }
}

std::uint64_t arrays_out() {
  std::uint64_t used = 0;
  khelp_uma_stats(
      [](void* arg, const khelp_uma_stat* stat) {
        if (std::strncmp(stat->name, "osd slots", 9) == 0)
          *static_cast<std::uint64_t*>(arg) += stat->used;
      },
      &used);
  return used;
}

TEST(uma_memory, conformance_32_a_failed_set_is_enomem_and_the_old_contents_are_intact) {
  const std::uint64_t before = arrays_out();
  EXPECT_GT(fail_each_allocation([] { use_object_data(KHELP_OSD_JAIL); }), 5);
  EXPECT_EQ(arrays_out(), before);
}

TEST(uma_memory, object_data_of_the_khelp_type) {
  const std::uint64_t before = arrays_out();
  EXPECT_GT(fail_each_allocation([] { use_object_data(KHELP_OSD_KHELP); }), 1);
  EXPECT_EQ(arrays_out(), before);
}

}  // namespace

#else

TEST(uma_memory, is_tested_without_thread_sanitizer) {
  GTEST_SKIP();
}

#endif
