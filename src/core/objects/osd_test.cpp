// osd(9): slots, values, destructors, methods. Each test begins with no slot registered.
#include "core/objects/osd.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <ucontext.h>
#include <vector>

#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/log.h>
#include <khelp/uma.h>

#include "core/objects/osd_slots.hpp"
#include "core/objects/osd_stripe.hpp"
#include "sync/thread_record.hpp"
#include "sync/under_tsan.hpp"

namespace {

using namespace khelp;

bool all_zero(const khelp_osd& osd) {
  const khelp_osd zero{};
  return std::memcmp(&osd, &zero, sizeof zero) == 0;
}

std::vector<int> destroyed;
void note(void* value) {
  destroyed.push_back(*static_cast<int*>(value));
}

int values[100];

class osd : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (int i = 0; i < 100; ++i)
      values[i] = i;
    if (type != 0)
      return;
    const int number = khelp_osd_define_type(2);
    ASSERT_GT(number, KHELP_OSD_LAST);
    type = static_cast<unsigned>(number);
  }
  void SetUp() override { destroyed.clear(); }
  void TearDown() override {
    for (unsigned slot = 1; slot < 100; ++slot)
      khelp_osd_deregister(type, slot);
  }
  unsigned add(khelp_osd_destructor_t destructor = note,
               const khelp_osd_method_t* methods = nullptr) {
    return static_cast<unsigned>(khelp_osd_register(type, destructor, methods));
  }

  static inline unsigned type = 0;
};

TEST_F(osd, conformance_31_slots_start_at_1_and_the_lowest_free_one_is_reused) {
  EXPECT_EQ(add(), 1u);
  EXPECT_EQ(add(), 2u);
  EXPECT_EQ(add(), 3u);
  khelp_osd_deregister(type, 2);
  khelp_osd_deregister(type, 1);
  EXPECT_EQ(add(), 1u);
  EXPECT_EQ(add(), 2u);
  EXPECT_EQ(add(), 4u);
}

TEST_F(osd, types_do_not_share_slots) {
  add();
  EXPECT_EQ(khelp_osd_register(KHELP_OSD_THREAD, note, nullptr), 1);
  khelp_osd_deregister(KHELP_OSD_THREAD, 1);
}

TEST_F(osd, a_value_is_read_back_and_destroyed_with_its_slot_on_del) {
  khelp_osd object{};
  const unsigned a = add();
  const unsigned b = add();
  EXPECT_EQ(khelp_osd_set(type, &object, a, &values[1]), 0);
  EXPECT_EQ(khelp_osd_set(type, &object, b, &values[2]), 0);
  EXPECT_EQ(khelp_osd_get(type, &object, a), &values[1]);
  EXPECT_EQ(khelp_osd_get(type, &object, b), &values[2]);
  khelp_osd_del(type, &object, a);
  EXPECT_EQ(destroyed, std::vector<int>{1});
  EXPECT_EQ(khelp_osd_get(type, &object, a), nullptr);
  khelp_osd_exit(type, &object);
}

TEST_F(osd, conformance_32_setting_null_beyond_the_array_succeeds_and_allocates_nothing) {
  khelp_osd object{};
  add();
  EXPECT_EQ(khelp_osd_set(type, &object, 1, nullptr), 0);
  EXPECT_TRUE(all_zero(object));
}

TEST_F(osd, setting_null_clears_without_destructor_and_keeps_the_object_listed) {
  khelp_osd object{};
  const unsigned slot = add();
  khelp_osd_set(type, &object, slot, &values[1]);
  EXPECT_EQ(khelp_osd_set(type, &object, slot, nullptr), 0);
  EXPECT_EQ(khelp_osd_get(type, &object, slot), nullptr);
  EXPECT_TRUE(destroyed.empty());
  EXPECT_FALSE(all_zero(object));
  khelp_osd_del(type, &object, slot);
  EXPECT_TRUE(all_zero(object));
}

TEST_F(osd, conformance_33_after_the_last_del_the_struct_is_all_zero) {
  khelp_osd objects[3] = {};
  const unsigned low = add();
  for (int i = 0; i < 20; ++i)
    add();
  const unsigned high = add();
  for (khelp_osd& object : objects) {
    khelp_osd_set(type, &object, high, &values[1]);
    khelp_osd_set(type, &object, low, &values[2]);
  }
  // The middle, the last and the first of the list.
  for (int i : {1, 0, 2}) {
    khelp_osd_del(type, &objects[i], low);
    EXPECT_FALSE(all_zero(objects[i]));
    khelp_osd_del(type, &objects[i], high);
    EXPECT_TRUE(all_zero(objects[i]));
  }
}

TEST_F(osd, exit_destroys_every_value_in_ascending_order) {
  khelp_osd object{};
  for (int i = 0; i < 10; ++i)
    add();
  for (unsigned slot : {9u, 2u, 5u})
    khelp_osd_set(type, &object, slot, &values[slot]);
  khelp_osd_exit(type, &object);
  EXPECT_EQ(destroyed, (std::vector<int>{2, 5, 9}));
  EXPECT_TRUE(all_zero(object));
  khelp_osd_exit(type, &object);
  EXPECT_EQ(destroyed.size(), 3u) << "an object without slots: nothing to do";
}

TEST_F(osd, deregistering_destroys_the_values_of_all_objects_and_leaves_other_slots_alone) {
  khelp_osd objects[300] = {};
  const unsigned going = add();
  const unsigned staying = add();
  for (khelp_osd& object : objects)
    khelp_osd_set(type, &object, going, &values[1]);
  for (int i = 0; i < 300; i += 2)
    khelp_osd_set(type, &objects[i], staying, &values[2]);
  khelp_osd_deregister(type, going);
  EXPECT_EQ(destroyed, std::vector<int>(300, 1));
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(khelp_osd_get(type, &objects[i], going), nullptr);
    EXPECT_EQ(khelp_osd_get(type, &objects[i], staying), i % 2 == 0 ? &values[2] : nullptr);
    EXPECT_EQ(all_zero(objects[i]), i % 2 != 0);
    khelp_osd_exit(type, &objects[i]);
  }
}

TEST_F(osd, a_reused_slot_has_its_own_destructor) {  // O-1
  khelp_osd object{};
  const unsigned slot = add([](void*) { destroyed.push_back(-1); });
  khelp_osd_deregister(type, slot);
  ASSERT_EQ(add(), slot);
  khelp_osd_set(type, &object, slot, &values[7]);
  khelp_osd_exit(type, &object);
  EXPECT_EQ(destroyed, std::vector<int>{7});
}

TEST_F(osd, the_table_does_not_shrink_when_its_last_slot_goes) {  // O-2, O-3
  add();
  add();
  add();
  khelp_osd_deregister(type, 2);
  khelp_osd_deregister(type, 3);
  khelp_osd object{};
  EXPECT_EQ(khelp_osd_set(type, &object, 1, &values[1]), 0);
  EXPECT_EQ(khelp_osd_set(type, &object, 3, &values[1]), EINVAL);
  EXPECT_EQ(add(), 2u);
  khelp_osd_exit(type, &object);
}

TEST_F(osd, a_destructor_may_use_osd_and_deregister_its_own_slot) {
  static unsigned the_type;
  static unsigned plain;
  static unsigned self;
  static khelp_osd other;
  the_type = type;
  other = khelp_osd{};
  plain = add();
  self = add([](void* value) {
    khelp_osd_set(the_type, &other, plain, value);
    khelp_osd_deregister(the_type, plain);
    khelp_osd_deregister(the_type, self);
  });
  khelp_osd object{};
  khelp_osd_set(type, &object, self, &values[4]);
  khelp_osd_del(type, &object, self);
  EXPECT_EQ(destroyed, std::vector<int>{4});
  EXPECT_TRUE(all_zero(other));
  EXPECT_EQ(khelp_osd_set(type, &object, self, &values[4]), EINVAL);
}

TEST_F(osd, conformance_34_a_short_reservation_is_refused_and_stays_the_callers) {  // O-4
  khelp_osd object{};
  for (int i = 0; i < 50; ++i)
    add();
  void** room = khelp_osd_reserve(1);
  ASSERT_NE(room, nullptr);
  EXPECT_EQ(khelp_osd_set_reserved(type, &object, 50, room, &values[1]), EINVAL);
  EXPECT_TRUE(all_zero(object));
  EXPECT_EQ(khelp_osd_set_reserved(type, &object, 1, room, &values[1]), 0) << "still good";
  khelp_osd_exit(type, &object);
}

// How many slot arrays of this size are out.
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

TEST_F(osd, conformance_34_a_reservation_is_consumed_on_every_success) {
  khelp_osd object{};
  for (int i = 0; i < 50; ++i)
    add();
  const std::uint64_t before = arrays_out();
  EXPECT_EQ(khelp_osd_set_reserved(type, &object, 50, khelp_osd_reserve(50), nullptr), 0);
  EXPECT_EQ(arrays_out(), before) << "NULL beyond the array";
  EXPECT_EQ(khelp_osd_set_reserved(type, &object, 50, khelp_osd_reserve(50), &values[1]), 0);
  EXPECT_EQ(arrays_out(), before + 1) << "it became the array";
  EXPECT_EQ(khelp_osd_set_reserved(type, &object, 50, khelp_osd_reserve(50), &values[2]), 0);
  EXPECT_EQ(arrays_out(), before + 1) << "not needed";
  EXPECT_EQ(khelp_osd_get(type, &object, 50), &values[2]);
  khelp_osd_exit(type, &object);
  EXPECT_EQ(arrays_out(), before);
}

TEST_F(osd, a_reservation_takes_over_what_the_object_had) {
  khelp_osd object{};
  for (int i = 0; i < 50; ++i)
    add();
  khelp_osd_set(type, &object, 2, &values[2]);
  EXPECT_EQ(khelp_osd_set_reserved(type, &object, 50, khelp_osd_reserve(50), &values[1]), 0);
  EXPECT_EQ(khelp_osd_get(type, &object, 2), &values[2]);
  khelp_osd_exit(type, &object);
  EXPECT_EQ(destroyed, (std::vector<int>{2, 1}));
}

TEST_F(osd, deleting_the_highest_slot_keeps_the_array_and_needs_no_memory) {  // O-7
  khelp_osd object{};
  for (int i = 0; i < 50; ++i)
    add();
  khelp_osd_set(type, &object, 50, &values[50]);
  khelp_osd_set(type, &object, 1, &values[1]);
  void** array = object.osd_slots;
  khelp_osd_del(type, &object, 50);
  EXPECT_EQ(object.osd_slots, array);
  EXPECT_EQ(khelp_osd_set(type, &object, 50, &values[2]), 0);
  EXPECT_EQ(object.osd_slots, array);
  khelp_osd_exit(type, &object);
}

TEST_F(osd, two_threads_may_set_one_object) {  // O-5
  khelp_osd object{};
  constexpr unsigned slots = 60;
  for (unsigned i = 0; i < slots; ++i)
    add(nullptr);
  for (int round = 0; round < 50; ++round) {
    std::latch start(2);
    const auto set_every_other = [&](unsigned first) {
      start.arrive_and_wait();
      for (unsigned slot = first; slot <= slots; slot += 2)
        EXPECT_EQ(khelp_osd_set(type, &object, slot, &values[slot]), 0);
    };
    std::thread other(set_every_other, 1);
    set_every_other(2);
    other.join();
    for (unsigned slot = 1; slot <= slots; ++slot)
      ASSERT_EQ(khelp_osd_get(type, &object, slot), &values[slot]);
    khelp_osd_exit(type, &object);
    ASSERT_TRUE(all_zero(object));
  }
}

TEST_F(osd, unknown_types_and_slots_are_refused_in_words_and_read_as_empty) {  // O-6
  khelp_osd object{};
  EXPECT_EQ(khelp_osd_register(60, note, nullptr), 0);
  EXPECT_STRNE(khelp_failure_text(), "");
  EXPECT_EQ(khelp_osd_set(60, &object, 1, &values[1]), EINVAL);
  EXPECT_EQ(khelp_osd_set(1000, &object, 1, &values[1]), EINVAL);
  EXPECT_EQ(khelp_osd_set(type, &object, 0, &values[1]), EINVAL);
  EXPECT_EQ(khelp_osd_set(type, &object, 1, &values[1]), EINVAL);
  EXPECT_EQ(khelp_osd_get(type, &object, 0), nullptr);
  EXPECT_EQ(khelp_osd_get(1000, &object, 1), nullptr);
  khelp_osd_del(type, &object, 1);
  khelp_osd_exit(1000, &object);
  EXPECT_TRUE(all_zero(object));
}

std::vector<std::string> called;
int refuse_second(void* object, void* data) {
  called.emplace_back(static_cast<const char*>(object));
  return data == nullptr ? 0 : EPERM;
}

TEST_F(osd, call_goes_through_the_slots_in_order_until_one_refuses) {
  static std::vector<int> order;
  order.clear();
  const khelp_osd_method_t first[2] = {[](void*, void*) {
                                         order.push_back(1);
                                         return 0;
                                       },
                                       nullptr};
  const khelp_osd_method_t second[2] = {[](void*, void* data) {
                                          order.push_back(2);
                                          return data == nullptr ? 0 : EPERM;
                                        },
                                        nullptr};
  const khelp_osd_method_t third[2] = {[](void*, void*) {
                                         order.push_back(3);
                                         return 0;
                                       },
                                       nullptr};
  add(note, first);
  add(note, second);
  add(note, nullptr);
  add(note, third);
  int data = 0;
  EXPECT_EQ(khelp_osd_call(type, 0, nullptr, nullptr), 0);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(khelp_osd_call(type, 0, nullptr, &data), EPERM);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 1, 2}));
  EXPECT_EQ(khelp_osd_call(type, 1, nullptr, nullptr), 0) << "NULL entries are passed over";
  EXPECT_EQ(khelp_osd_call(type, 2, nullptr, nullptr), EINVAL);
  EXPECT_EQ(khelp_osd_call(60, 0, nullptr, nullptr), EINVAL);
}

TEST_F(osd, conformance_31_methods_of_a_freed_slot_are_not_called) {  // O-8
  static int calls;
  calls = 0;
  const khelp_osd_method_t methods[2] = {[](void*, void*) {
                                           ++calls;
                                           return 0;
                                         },
                                         nullptr};
  add(note, methods);
  const unsigned middle = add(note, methods);
  add(note, methods);
  khelp_osd_deregister(type, middle);
  khelp_osd_call(type, 0, nullptr, nullptr);
  EXPECT_EQ(calls, 2);
}

TEST_F(osd, jail_has_six_methods_and_the_others_none) {
  khelp_osd_method_t methods[KHELP_PR_MAXMETHOD] = {};
  methods[KHELP_PR_METHOD_REMOVE] = refuse_second;
  const int slot = khelp_osd_register(KHELP_OSD_JAIL, nullptr, methods);
  called.clear();
  char name[] = "jail";
  EXPECT_EQ(khelp_osd_call(KHELP_OSD_JAIL, KHELP_PR_METHOD_REMOVE, name, name), EPERM);
  EXPECT_EQ(called, std::vector<std::string>{"jail"});
  EXPECT_EQ(khelp_osd_call(KHELP_OSD_JAIL, KHELP_PR_MAXMETHOD, name, name), EINVAL);
  EXPECT_EQ(khelp_osd_call(KHELP_OSD_THREAD, 0, name, name), EINVAL);
  khelp_osd_deregister(KHELP_OSD_JAIL, static_cast<unsigned>(slot));
}

TEST_F(osd, deregistration_waits_for_a_method_that_runs_on_another_thread) {
  static std::latch* inside;
  static std::latch* leave;
  static std::atomic<bool> left;
  std::latch in(1);
  std::latch out(1);
  inside = &in;
  leave = &out;
  left = false;
  const khelp_osd_method_t methods[2] = {[](void*, void*) {
                                           inside->count_down();
                                           leave->wait();
                                           left = true;
                                           return 0;
                                         },
                                         nullptr};
  const unsigned slot = add(note, methods);
  std::thread caller([&] { khelp_osd_call(type, 0, nullptr, nullptr); });
  in.wait();
  std::thread helper([&] { out.count_down(); });
  khelp_osd_deregister(type, slot);
  EXPECT_TRUE(left);
  helper.join();
  caller.join();
}

TEST_F(osd, deregistration_waits_for_a_destructor_that_an_owner_started_meanwhile) {
  static std::latch* collecting;
  static std::latch* inside;
  static std::atomic<bool> left;
  std::latch deregistering(1);
  std::latch in_destructor(1);
  collecting = &deregistering;
  inside = &in_destructor;
  left = false;
  const unsigned slot = add([](void* value) {
    if (value == &values[1]) {  // the owner's
      inside->count_down();
      for (int i = 0; i < 1000; ++i)
        std::this_thread::yield();
      left = true;
    } else if (!collecting->try_wait()) {  // the first that deregistration collected
      collecting->count_down();
      inside->wait();
    }
  });
  // More than are collected at a time, and the owner's among the last.
  std::vector<khelp_osd> objects(200);
  for (std::size_t i = 0; i < objects.size(); ++i)
    khelp_osd_set(type, &objects[i], slot, i == 0 ? &values[1] : &values[2]);
  std::thread owner([&] {
    deregistering.wait();
    khelp_osd_exit(type, &objects[0]);
  });
  khelp_osd_deregister(type, slot);
  EXPECT_TRUE(left);
  owner.join();
}

TEST_F(osd, a_throwing_destructor_is_told_and_the_other_values_end_too) {
  std::vector<std::string> told;
  khelp_log_set_sink(
      [](void* arg, int, const char* words) {
        static_cast<std::vector<std::string>*>(arg)->emplace_back(words);
      },
      &told);
  khelp_osd objects[2] = {};
  const unsigned slot = add([](void*) { throw std::runtime_error("no"); });
  const unsigned next = add();
  khelp_osd_set(type, &objects[0], slot, &values[1]);
  khelp_osd_set(type, &objects[0], next, &values[2]);
  khelp_osd_set(type, &objects[1], slot, &values[3]);
  khelp_osd_exit(type, &objects[0]);
  EXPECT_EQ(destroyed, std::vector<int>{2});
  EXPECT_TRUE(all_zero(objects[0]));
  khelp_osd_deregister(type, slot);
  EXPECT_TRUE(all_zero(objects[1]));
  EXPECT_EQ(add(), slot) << "no use was left behind";
  khelp_log_set_sink(nullptr, nullptr);
  EXPECT_EQ(told, std::vector<std::string>(2, "object data: a slot's destructor threw: no"));
}

// Under ThreadSanitizer signals wait until the thread calls something that it knows.
#if defined(__x86_64__) && !KHELP_UNDER_TSAN

// Holds a thread between two instructions: it is stepped, the processor traps after each.
class stepped {
 public:
  // From now on this thread is stepped, and held once `reached` says true, until let_go().
  static void begin(bool (*reached)()) {
    reached_ = reached;
    struct sigaction action {};
    action.sa_sigaction = trapped;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGTRAP, &action, nullptr);
    asm volatile(
        "leaq -128(%%rsp), %%rsp\n\t"
        "pushfq\n\t"
        "orq $0x100, (%%rsp)\n\t"
        "popfq\n\t"
        "leaq 128(%%rsp), %%rsp" ::
            : "memory", "cc");
  }
  static void wait_until_held() { held_->wait(); }
  static void let_go() { go_on_->count_down(); }

  stepped() {
    held_.emplace(1);
    go_on_.emplace(1);
  }
  stepped(const stepped&) = delete;
  stepped& operator=(const stepped&) = delete;
  ~stepped() { signal(SIGTRAP, SIG_DFL); }

 private:
  static void trapped(int, siginfo_t*, void* context) {
    if (!reached_())
      return;
    held_->count_down();
    go_on_->wait();
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~greg_t{0x100};
  }

  static inline bool (*reached_)() = nullptr;
  static inline std::optional<std::latch> held_;
  static inline std::optional<std::latch> go_on_;
};

// An object whose memory its owner gives back to the system.
struct mapped_object {
  khelp_osd* osd = static_cast<khelp_osd*>(
      mmap(nullptr, sizeof(khelp_osd), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  void give_back() { munmap(osd, sizeof(khelp_osd)); }
};

khelp_osd* watched_object = nullptr;

// D5: the deregistration is held as soon as the object says that it has no values any more.
void owner_goes_while_its_values_are_collected(std::uint32_t classes, bool (*says_it_has_none)()) {
  const unsigned slot =
      static_cast<unsigned>(khelp_osd_register(KHELP_OSD_KHELP, nullptr, nullptr));
  const stepped deregistering;
  std::latch has_value(1);
  std::thread owner([&] {
    mapped_object object;
    watched_object = object.osd;
    if (classes != 0) {
      EXPECT_EQ(khelp_init_osd(classes, object.osd), 0);
      EXPECT_NE(enrol(), nullptr);
    }
    EXPECT_EQ(khelp_osd_set(KHELP_OSD_KHELP, object.osd, slot, &values[1]), 0);
    has_value.count_down();
    stepped::wait_until_held();
    khelp_destroy_osd(object.osd);
    object.give_back();
    stepped::let_go();
  });
  has_value.wait();
  stepped::begin(says_it_has_none);
  khelp_osd_deregister(KHELP_OSD_KHELP, slot);
  owner.join();
}

TEST_F(osd, deregistration_does_not_touch_an_object_that_its_owner_may_have_freed) {
  owner_goes_while_its_values_are_collected(KHELP_HELPER_CLASS_APP, [] {
    return (load_acquire(watched_object->osd_state) & khelp::osd::has_registered_values) == 0;
  });
}

TEST_F(osd, nor_one_that_was_never_initialised) {
  owner_goes_while_its_values_are_collected(0, [] {
    return load_acquire(watched_object->osd_state) == 0 &&
           load_acquire(watched_object->osd_nslots) == 0;
  });
}

#endif

TEST_F(osd, get_is_safe_while_others_delete_and_set) {
  const unsigned slot = add(nullptr);
  khelp_osd objects[2] = {};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread reader([&] {
    while (!stop) {
      for (int i = 0; i < 2; ++i) {
        void* value = khelp_osd_get(type, &objects[i], slot);
        if (value != nullptr && value != &values[i])
          ++wrong;
      }
    }
  });
  // Arrays are recycled: each object gets the one the other had.
  for (int round = 0; round < 20000; ++round) {
    const int i = round % 2;
    khelp_osd_set(type, &objects[i], slot, &values[i]);
    khelp_osd_del(type, &objects[i], slot);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(osd, objects_come_and_go_while_a_slot_is_deregistered) {
  for (int round = 0; round < 50; ++round) {
    static std::atomic<int> alive;
    alive = 0;
    const unsigned slot = add([](void*) { --alive; });
    std::latch start(3);
    const auto churn = [&] {
      start.arrive_and_wait();
      for (int i = 0; i < 200; ++i) {
        auto object = std::make_unique<khelp_osd>();
        ++alive;
        if (khelp_osd_set(type, object.get(), slot, &values[1]) != 0)
          --alive;
        khelp_osd_exit(type, object.get());
      }
    };
    std::thread one(churn);
    std::thread two(churn);
    start.arrive_and_wait();
    khelp_osd_deregister(type, slot);
    one.join();
    two.join();
    ASSERT_EQ(alive, 0);
  }
}

// ---- the khelp type ----

TEST_F(osd, helpers_slots_come_from_the_same_table_as_registered_ones) {
  const unsigned helper = khelp::osd::take_khelp_slot();
  const int registered = khelp_osd_register(KHELP_OSD_KHELP, note, nullptr);
  EXPECT_NE(helper, 0u);
  EXPECT_NE(static_cast<unsigned>(registered), helper);
  khelp_osd object{};
  EXPECT_EQ(khelp_osd_set(KHELP_OSD_KHELP, &object, helper, &values[1]), EINVAL)
      << "helpers' values are the framework's";
  khelp::osd::give_khelp_slot(helper);
  EXPECT_EQ(khelp::osd::take_khelp_slot(), helper);
  khelp::osd::give_khelp_slot(helper);
  khelp_osd_deregister(KHELP_OSD_KHELP, static_cast<unsigned>(registered));
}

TEST_F(osd, a_slot_registered_with_the_khelp_type_works_as_with_any_other) {
  const auto slot = static_cast<unsigned>(khelp_osd_register(KHELP_OSD_KHELP, note, nullptr));
  khelp_osd objects[3] = {};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(khelp_osd_set(KHELP_OSD_KHELP, &objects[i], slot, &values[i]), 0);
  EXPECT_EQ(khelp_osd_get(KHELP_OSD_KHELP, &objects[2], slot), &values[2]);
  khelp_osd_del(KHELP_OSD_KHELP, &objects[0], slot);
  EXPECT_TRUE(all_zero(objects[0]));
  khelp_osd_exit(KHELP_OSD_KHELP, &objects[1]);
  EXPECT_TRUE(all_zero(objects[1]));
  khelp_osd_deregister(KHELP_OSD_KHELP, slot);
  EXPECT_TRUE(all_zero(objects[2]));
  EXPECT_EQ(destroyed, (std::vector<int>{0, 1, 2}));
}

TEST_F(osd, registered_values_on_a_helper_hosts_object_leave_its_other_slots_alone) {  // O-9
  const unsigned helper = khelp::osd::take_khelp_slot();
  const auto slot = static_cast<unsigned>(khelp_osd_register(KHELP_OSD_KHELP, note, nullptr));
  constexpr std::uint16_t initialised = 0x8000;  // as core/helpers/attachment.hpp marks it
  khelp_osd object{};
  object.osd_state = initialised;
  {
    futex_guard held(osd_stripe(object));
    ASSERT_TRUE(osd_slots::reserve(object, helper, true));
    osd_slots::exchange(object, helper, &values[1]);
  }
  EXPECT_EQ(khelp_osd_set(KHELP_OSD_KHELP, &object, slot, &values[2]), 0);
  khelp::osd::destroy_registered_values(object);
  EXPECT_EQ(destroyed, std::vector<int>{2});
  EXPECT_EQ(object.osd_state, initialised);
  EXPECT_EQ(osd_slots::get(object, helper), &values[1]);

  EXPECT_EQ(khelp_osd_set(KHELP_OSD_KHELP, &object, slot, &values[3]), 0);
  khelp_osd_deregister(KHELP_OSD_KHELP, slot);
  EXPECT_EQ(destroyed, (std::vector<int>{2, 3}));
  EXPECT_EQ(osd_slots::get(object, helper), &values[1]);
  khelp::osd::destroy_registered_values(object);
  osd_slots::free_arrays(object);
  khelp::osd::give_khelp_slot(helper);
}

}  // namespace
