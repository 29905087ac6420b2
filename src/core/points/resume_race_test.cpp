// A hook is resumed while it throws again. Between the two steps of a resume (the mark on the hook, then
// its entry in the array) are nanoseconds: the array lies on a page that cannot be written to, and
// the thread that writes to it is held by the fault.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <gtest/gtest.h>
#include <latch>
#include <new>
#include <semaphore.h>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>

#include <khelp/hhook.h>
#include <khelp/stats.h>

#include "core/points/hook_set.hpp"

namespace {

constexpr std::size_t page_size = 4096;
constexpr std::size_t size_of_a_set = sizeof(khelp::hook_set) + 2 * sizeof(khelp::hook_entry);

void* page = nullptr;
bool wanted = false;  // the next set of one hook goes there

thread_local bool resumes = false;
sem_t held;
sem_t go_on;

void written_to(int) {
  if (resumes) {
    sem_post(&held);
    while (sem_wait(&go_on) != 0) {
    }
  }
  mprotect(page, page_size, PROT_READ | PROT_WRITE);
}

struct thrower {
  std::atomic<int> calls{0};
  std::latch first_inside{1};
  std::latch second_inside{1};
  std::latch first_may_throw{1};
  std::latch second_may_throw{1};
};
int throw_twice(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto& t = *static_cast<thrower*>(udata);
  const int call = ++t.calls;
  if (call > 2)
    return 0;
  (call == 1 ? t.first_inside : t.second_inside).count_down();
  (call == 1 ? t.first_may_throw : t.second_may_throw).wait();
  throw std::runtime_error("again");
}

std::uint32_t state_of_the_hook(std::int32_t type) {
  struct found {
    std::int32_t type;
    std::uint32_t state = 0;
  } f{type};
  EXPECT_EQ(khelp_stats_hooks(
                [](void* arg, const khelp_hook_stat* stat) {
                  auto& to = *static_cast<found*>(arg);
                  if (stat->type == to.type)
                    to.state = stat->state;
                },
                &f),
            0);
  return f.state;
}

}  // namespace

void* operator new(std::size_t size) {
  if (wanted && size == size_of_a_set) {
    wanted = false;
    page = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page;
  }
  if (void* memory = std::malloc(size))
    return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size);
}
void operator delete(void* memory) noexcept {
  if (memory != page)
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

TEST(resume, does_not_overtake_a_throw) {
  sem_init(&held, 0, 0);
  sem_init(&go_on, 0, 0);
  constexpr std::int32_t type = KHELP_HHOOK_TYPE_APP + 0x400000;
  khelp_hhook_head* point = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &point, 0), 0);
  thrower t;
  khelp_hookinfo hook{};
  hook.hook_func = throw_twice;
  hook.hook_udata = &t;
  hook.hook_type = type;
  wanted = true;
  ASSERT_EQ(khelp_hhook_add_hook(point, &hook, 0), 0);
  ASSERT_FALSE(wanted);

  const auto run = [&] { khelp_hhook_run_hooks(point, nullptr, nullptr); };
  std::thread one(run);
  t.first_inside.wait();
  std::thread two(run);
  t.second_inside.wait();
  t.first_may_throw.count_down();
  one.join();
  ASSERT_EQ(state_of_the_hook(type), KHELP_HOOK_SUSPENDED);

  struct sigaction at_fault = {};
  struct sigaction before = {};
  at_fault.sa_handler = written_to;
  ASSERT_EQ(sigaction(SIGSEGV, &at_fault, &before), 0);
  ASSERT_EQ(mprotect(page, page_size, PROT_READ), 0);
  std::thread resumer([&] {
    resumes = true;
    EXPECT_EQ(khelp_hhook_resume_hook(&hook), 0);
  });
  while (sem_wait(&held) != 0) {
  }
  // The hook's mark is gone, its entry not yet changed.
  t.second_may_throw.count_down();
  two.join();
  sem_post(&go_on);
  resumer.join();
  ASSERT_EQ(sigaction(SIGSEGV, &before, nullptr), 0);

  EXPECT_EQ(state_of_the_hook(type), KHELP_HOOK_SUSPENDED);
  run();
  EXPECT_EQ(t.calls, 2) << "it is called although it says that it is suspended";
  EXPECT_EQ(khelp_hhook_resume_hook(&hook), 0);
  run();
  EXPECT_EQ(t.calls, 3);
  EXPECT_EQ(khelp_hhook_head_deregister(point), 0);
}
