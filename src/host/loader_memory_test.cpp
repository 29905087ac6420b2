// Every function of the loader when memory runs out: the n-th allocation fails, for every n.

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

#include "test_modules/loader_test.hpp"

namespace {

// Allocations until the one that fails; negative: none fails.
std::atomic<long> left = -1;

bool fails() {
  if (left.load() < 0)
    return false;
  return left.fetch_sub(1) == 0;
}

}  // namespace

// The library's allocations come here: an executable's definition stands before that of libstdc++.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return fails() ? nullptr : std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow))
    return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

extern "C" __attribute__((visibility("default"))) void loader_test_note(const char*) {}
extern "C" __attribute__((visibility("default"))) const char* loader_test_veto() {
  return "";
}

namespace {

int files_left() {
  int count = 0;
  const auto add = [](void* to, const khelp_module_info* info) {
    *static_cast<int*>(to) += info->state != KHELP_MODULE_DEAD;
  };
  EXPECT_EQ(khelp_modules(add, &count), 0);
  return count;
}

/// Call it with the first, the second, ... allocation failing until none does. After each call,
/// `after` puts things right again and looks.
template <class Call, class After>
void at_every_allocation(Call call, After after) {
  long n = 0;
  for (;; n++) {
    left = n;
    const int answer = call();
    const bool reached = left.exchange(-1) < 0;
    after(answer, n);
    if (!reached || testing::Test::HasFailure())
      break;
    ASSERT_LT(n, 100'000);
  }
  EXPECT_GE(n, 3) << "hardly anything was allocated: are the operators ours?";
}

class loader_memory : public testing::Test {
 protected:
  static void SetUpTestSuite() { setenv("KHELP_MODULE_PATH", KHELP_TEST_MODULES, 1); }
};

TEST_F(loader_memory, a_load_is_complete_or_leaves_nothing) {
  std::int32_t id = -1;
  at_every_allocation(
      [&] {
        id = -1;
        return khelp_load("user", nullptr, &id);
      },
      [&](int answer, long n) {
        if (answer == 0) {
          EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << n << khelp_failure_text();
        } else {
          EXPECT_EQ(answer, ENOMEM) << "allocation " << n << ": " << khelp_failure_text();
          EXPECT_EQ(id, -1);
        }
        khelp_reap();
        EXPECT_EQ(files_left(), 0) << "allocation " << n;
      });
}

TEST_F(loader_memory, an_unload_is_done_or_can_be_done_again) {
  std::int32_t id = -1;
  ASSERT_EQ(khelp_load("user", nullptr, &id), 0) << khelp_failure_text();
  at_every_allocation([&] { return khelp_unload(id, KHELP_UNLOAD_REFUSE, 0); },
                      [&](int answer, long n) {
                        EXPECT_TRUE(answer == 0 || answer == ENOMEM)
                            << "allocation " << n << ": " << answer << khelp_failure_text();
                        khelp_reap();
                        if (khelp_module_find("user") == id)
                          return;
                        EXPECT_EQ(files_left(), 0) << "allocation " << n;
                        ASSERT_EQ(khelp_load("user", nullptr, &id), 0) << khelp_failure_text();
                      });
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

TEST_F(loader_memory, looking_and_checking_tell_that_there_is_no_memory) {
  std::int32_t id = -1;
  ASSERT_EQ(khelp_load("user", nullptr, &id), 0) << khelp_failure_text();
  const auto only_no_memory = [](int answer, long n) {
    EXPECT_TRUE(answer == 0 || answer == ENOMEM) << "allocation " << n << ": " << answer;
  };
  at_every_allocation([] { return khelp_modules([](void*, const khelp_module_info*) {}, nullptr); },
                      only_no_memory);
  at_every_allocation(
      [] {
        return khelp_check_file(
            KHELP_TEST_MODULES "/user.so", [](void*, int, const char*) {}, nullptr);
      },
      only_no_memory);
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

}  // namespace
