// What the fast path cannot serve: membarrier(2) refused from the start or later, threads that
// cannot be enrolled, runs nested deeper than a thread's record.
#include <cstddef>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

#include <khelp/hook_list.h>

#include "rig.hpp"

using namespace stress;

namespace {

using count = std::atomic<std::uint64_t>;

// From now on a system call of this process answers EPERM (in threads begun later, too).
void refuse(unsigned number) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
  demand(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0, "a filter");
}

int count_call(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++*static_cast<count*>(udata);
  return 0;
}

// Helpers come, run in two threads, and go; nothing is lost.
void load_run_unload() {
  point p;
  count calls{0};
  declared helper("ordinary", KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT, 64);
  helper.add(p, count_call, &calls);
  std::atomic<bool> stop{false};
  const auto run = [&] {
    khelp_osd osd = KHELP_OSD_INITIALIZER;
    demand(khelp_init_osd(object_class, &osd) == 0, "an object");
    while (!stop)
      p.run(nullptr, &osd);
    khelp_destroy_osd(&osd);
  };
  std::thread first(run);
  std::thread second(run);
  for (std::uint64_t i = 0; i < 30; ++i) {
    demand(helper.load() == 0, "load");
    const std::uint64_t before = calls;
    while (calls < before + 2)
      std::this_thread::yield();
    demand(helper.unload(KHELP_UNLOAD_REVOKE) == 0, "unload");
    const std::uint64_t after = calls;
    p.run();
    demand(calls == after, "it is gone");
  }
  stop = true;
  first.join();
  second.join();
  demand(khelp_hhook_synchronize(nullptr) == 0, "synchronize");
}

// What a hook on a list works with; a call after its removal shows.
struct guarded {
  count* calls;
  std::atomic<bool> removed{false};
};
void call_guarded(void* arg) {
  auto& g = *static_cast<guarded*>(arg);
  demand(!g.removed, "a removed hook is not called");
  ++*g.calls;
}

// A hook comes to a list and goes while another thread runs the list.
void add_run_remove(khelp_hook_list* list, count& calls) {
  for (int i = 0; i < 2000; ++i) {
    guarded g{&calls};
    khelp_hook* hook = khelp_hook_register(list, call_guarded, &g);
    demand(hook != nullptr, "a hook");
    const std::uint64_t before = calls;
    khelp_hook_run(list, 0, nullptr, nullptr);
    demand(calls > before, "it runs");
    demand(khelp_hook_unregister(list, hook, 0) == 0, "its removal");
    g.removed = true;
  }
}

struct nested {
  point* p;
  std::uint64_t depth = 0;
  std::uint64_t deepest = 0;
};
int run_again(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd* osd) {
  auto& n = *static_cast<nested*>(udata);
  if (++n.depth < n.deepest)
    n.p->run(nullptr, osd);
  return 0;
}

}  // namespace

TEST(barrier, with_membarrier_refused_from_the_start_everything_works) {
  EXPECT_EQ(in_child([] {
              refuse(SYS_membarrier);
              load_run_unload();
            }),
            0);
}

TEST(barrier, with_membarrier_refused_later_a_removal_says_so_and_guesses_nothing) {
  EXPECT_EQ(in_child([] {
              static point p;
              static count calls{0};
              static declared helper("stuck");
              helper.add(p, count_call, &calls);
              demand(helper.load() == 0, "load");
              p.run();
              refuse(SYS_membarrier);
              khelp_hookinfo hook = hook_at(p, count_call, &calls);
              demand(khelp_hhook_remove_hook(p.head, &hook) == ENOSYS, "a removal says so");
              p.run();
              demand(calls == 1, "new runs do not call it");
              demand(helper.unload() == ENOSYS, "an unload says so");
              demand(helper.unload() == EALREADY, "it stays, and does not come back");
              demand(stat_of_helper("stuck").state == KHELP_HELPER_GOING, "as a zombie");
              static declared next("stuck");
              demand(next.load() == 0, "its name is free");
              demand(khelp_hhook_synchronize(nullptr) == ENOSYS, "nothing is known");
              demand(khelp_reap() != 0, "something is left for ever");
              _exit(0);  // the point's end would say so too
            }),
            0);
}

TEST(barrier, with_membarrier_refused_from_the_start_hook_lists_work) {
  EXPECT_EQ(in_child([] {
              refuse(SYS_membarrier);
              khelp_hook_list* list = khelp_hook_alloc("fences");
              count calls{0};
              std::atomic<bool> stop{false};
              std::thread runner([&] {
                while (!stop)
                  khelp_hook_run(list, 0, nullptr, nullptr);
              });
              add_run_remove(list, calls);
              stop = true;
              runner.join();
              demand(khelp_hook_free(list) == 0, "its end");
            }),
            0);
}

TEST(barrier, with_membarrier_refused_later_a_hook_list_says_so_and_guesses_nothing) {
  EXPECT_EQ(in_child([] {
              khelp_hook_list* list = khelp_hook_alloc("stuck");
              static count calls{0};
              static guarded g{&calls};
              static bool released = false;
              khelp_hook_x x{};
              x.size = sizeof x;
              x.callback = call_guarded;
              x.arg = &g;
              x.release = [](void*) { released = true; };
              khelp_hook* hook = khelp_hook_register_x(list, &x);
              khelp_hook_run(list, 0, nullptr, nullptr);
              refuse(SYS_membarrier);
              demand(khelp_hook_unregister(list, hook, 0) == ENOSYS, "a removal says so");
              g.removed = true;
              khelp_hook_run(list, 0, nullptr, nullptr);
              demand(calls == 1, "new runs do not call it");
              demand(khelp_hook_free(list) == ENOSYS, "an end says so");
              demand(khelp_reap() != 0, "something is left for ever");
              demand(!released, "nobody is told that it is over");
              _exit(0);
            }),
            0);
}

TEST(barrier, threads_that_cannot_be_enrolled_run_hook_lists_by_the_slow_path) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs mmap itself";
#endif
  EXPECT_EQ(in_child([] {
              std::atomic<bool> stop{false};
              count calls{0};
              gate start;
              static khelp_hook_list* list = nullptr;
              std::thread runner([&] {
                start.wait();
                while (!stop)
                  khelp_hook_run(list, 0, nullptr, nullptr);
              });
              list = khelp_hook_alloc("deep");
              refuse(SYS_mmap);
              start.open();
              add_run_remove(list, calls);
              stop = true;
              runner.join();
              demand(khelp_hook_free(list) == 0, "its end");
            }),
            0);
}

TEST(barrier, threads_that_cannot_be_enrolled_take_the_slow_path) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs mmap itself";
#endif
  EXPECT_EQ(in_child([] {
              // Before any thread has a record; the threads' stacks come first.
              std::atomic<bool> stop{false};
              count calls{0};
              static khelp_hhook_head* head = nullptr;
              gate start;
              std::thread runner([&] {
                start.wait();
                while (!stop)
                  khelp_hhook_run_hooks(head, nullptr, nullptr);
              });
              const std::int32_t type = fresh_type();
              demand(khelp_hhook_head_register(type, 0, &head, 0) == 0, "a point");
              refuse(SYS_mmap);
              khelp_hookinfo hook{};
              hook.hook_func = count_call;
              hook.hook_udata = &calls;
              hook.hook_type = type;
              start.open();
              // This thread's calls are refused a record as well.
              for (int i = 0; i < 50; ++i) {
                demand(khelp_hhook_add_hook(head, &hook, 0) == 0, "add");
                const std::uint64_t before = calls;
                khelp_hhook_run_hooks(head, nullptr, nullptr);
                demand(calls > before, "it runs");
                demand(khelp_hhook_remove_hook(head, &hook) == 0, "remove");
                const std::uint64_t after = calls;
                std::this_thread::yield();
                demand(calls == after, "it is gone");
              }
              stop = true;
              runner.join();
              demand(khelp_hhook_head_deregister(head) == 0, "its end");
            }),
            0);
}

TEST(barrier, runs_nested_deeper_than_a_record_are_counted_and_waited_for) {
  const std::int32_t type = fresh_type();
  khelp_hhook_head_x x{};
  x.size = sizeof x;
  x.recursion_limit = 40;
  point p(fresh_type());
  khelp_hhook_head* head = nullptr;
  ASSERT_EQ(khelp_hhook_head_register_x(type, 0, nullptr, &head, &x), 0);
  struct limited {
    khelp_hhook_head* head;
    std::uint64_t calls = 0;
  } l{head};
  khelp_hookinfo hook{};
  hook.hook_func = [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
    auto& to = *static_cast<limited*>(udata);
    ++to.calls;
    khelp_hhook_run_hooks(to.head, nullptr, nullptr);
    return 0;
  };
  hook.hook_udata = &l;
  ASSERT_EQ(khelp_hhook_add_hook(head, &hook, 0), 0);
  khelp_hhook_run_hooks(head, nullptr, nullptr);
  EXPECT_EQ(l.calls, 40u) << "the limit holds below the record's depth as well";
  EXPECT_EQ(khelp_hhook_remove_hook(head, &hook), 0);
  EXPECT_EQ(khelp_hhook_synchronize(nullptr), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);

  nested n{&p, 0, 8};
  khelp_hookinfo again = hook_at(p, run_again, &n);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &again, 0), 0);
  p.run();
  EXPECT_EQ(n.depth, 8u);
  EXPECT_EQ(khelp_hhook_remove_hook(p.head, &again), 0);
}
