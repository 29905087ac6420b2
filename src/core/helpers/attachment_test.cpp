// Objects whose data ends without calling anybody: where their destroy goes its fast path, and
// where it cannot.
#include "core/helpers/attachment.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <khelp/khelp.h>
#include <khelp/log.h>

#include "core/helpers/helper_registry.hpp"
#include "core/objects/osd_stripe.hpp"
#include "core/zones/uma_life.hpp"

namespace {

using namespace khelp;

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP << 5;

struct keeper {
  explicit keeper(const char* name) {
    x.size = sizeof x;
    x.name = name;
    x.version = 1;
    x.classes = test_class;
    x.flags = KHELP_HELPER_NEEDS_OSD;
    x.data_size = 16;
    EXPECT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  }
  ~keeper() { khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0); }
  int unload() { return khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0); }
  std::uint64_t attached() const { return khelp_slot_owner(khelp_id_slot(id))->attached(); }

  khelp_helper_x x{};
  std::int32_t id = 0;
};

bool is_zero(const khelp_osd& object) {
  return object.osd_nslots == 0 && object.osd_state == 0 && object.osd_classes == 0 &&
         object.osd_slots == nullptr && object.osd_u.osd_inline[0] == nullptr &&
         object.osd_u.osd_inline[1] == nullptr;
}

void init(khelp_osd& object) {
  ASSERT_EQ(khelp_init_osd(test_class, &object), 0) << khelp_failure_text();
}

TEST(attachment, an_object_is_destroyed_under_its_stripe_while_the_gate_is_shut) {
  keeper a("first"), b("second");
  khelp_osd object{};
  init(object);
  {
    const shut_gate mine(object_gate);
    khelp_destroy_osd(&object);
    EXPECT_TRUE(is_zero(object));
    EXPECT_EQ(a.attached() + b.attached(), 0u);
  }
  init(object);
  khelp_destroy_osd(&object);
  EXPECT_TRUE(is_zero(object)) << "and past it afterwards";
  EXPECT_EQ(a.unload(), 0) << khelp_failure_text();
  EXPECT_EQ(b.unload(), 0) << khelp_failure_text();
}

TEST(attachment, who_holds_the_stripe_does_not_hold_up_an_init) {
  if (KHELP_UNDER_ASAN)
    GTEST_SKIP() << "AddressSanitizer has work to do for each item, so an init takes the stripe";
  keeper a("first"), b("second");
  khelp_osd before{};
  init(before);  // from here on the class is known
  khelp_osd object{};
  {
    futex_guard held(osd_stripe(object));
    init(object);
  }
  EXPECT_EQ(a.attached() + b.attached(), 4u);
  khelp_destroy_osd(&object);
  khelp_destroy_osd(&before);
}

TEST(attachment, an_object_is_initialised_while_the_gate_is_shut) {
  keeper a("first"), b("second");
  khelp_osd object{};
  init(object);
  khelp_destroy_osd(&object);
  const shut_gate mine(object_gate);
  init(object);
  EXPECT_EQ(a.attached() + b.attached(), 2u);
  khelp_destroy_osd(&object);
}

TEST(attachment, data_of_a_new_object_is_zero_also_where_an_older_objects_was_not) {
  keeper a("first");
  for (int round = 0; round < 3; ++round) {
    khelp_osd object{};
    init(object);
    auto* data = static_cast<unsigned char*>(khelp_get_osd(&object, a.id));
    ASSERT_NE(data, nullptr);
    for (std::size_t i = 0; i < a.x.data_size; ++i)
      EXPECT_EQ(std::exchange(data[i], 0xa5), 0) << i;
    khelp_destroy_osd(&object);
  }
}

TEST(attachment, an_object_gets_the_data_of_its_own_classes_helpers_only) {
  keeper a("first"), b("second");
  khelp_osd object{};
  ASSERT_EQ(khelp_init_osd(test_class << 1, &object), 0);
  EXPECT_EQ(khelp_get_osd(&object, a.id), nullptr);
  EXPECT_EQ(khelp_get_osd(&object, b.id), nullptr);
  khelp_destroy_osd(&object);
}

TEST(attachment, a_helper_beyond_the_structs_slots_gives_its_data_to_later_objects_too) {
  keeper a("first"), b("second");
  std::array<khelp_osd, 2> objects{};
  init(objects[0]);
  keeper c("third");
  init(objects[1]);
  EXPECT_EQ(khelp_get_osd(&objects[0], c.id), nullptr);
  EXPECT_NE(khelp_get_osd(&objects[1], c.id), nullptr);
  for (khelp_osd& object : objects)
    khelp_destroy_osd(&object);
}

// As attach_fast() does it, held between its look at the state and its count.
TEST(attachment, an_unload_counts_what_a_thread_behind_the_gate_is_about_to_give) {
  keeper a("first");
  const helper& h = *khelp_slot_owner(khelp_id_slot(a.id));
  std::latch passing(1);
  std::thread owner([&] {
    enrol();
    ASSERT_TRUE(object_gate.enter(*fast_record));
    passing.count_down();
    while (h.state() == KHELP_HELPER_LIVE)
      std::this_thread::yield();
    bump(h.block, cell_given);
    gate::leave(*fast_record);
  });
  passing.wait();
  EXPECT_EQ(a.unload(), EBUSY);
  owner.join();
  bump_at_end(h.block, cell_gone);
  EXPECT_EQ(a.unload(), 0) << khelp_failure_text();
}

TEST(attachment, objects_that_begin_while_helpers_are_refused_leave_nothing_behind) {
  std::atomic<bool> stop{false};
  std::latch started(2);
  std::vector<std::thread> owners;
  for (int i = 0; i < 2; ++i)
    owners.emplace_back([&] {
      started.count_down();
      while (!stop) {
        khelp_osd object{};
        if (khelp_init_osd(test_class, &object) == 0)
          khelp_destroy_osd(&object);
        EXPECT_TRUE(is_zero(object));
      }
    });
  started.wait();
  int ended = 0;
  for (int round = 0; round < 300; ++round) {
    keeper a("first"), b("second");
    for (const int how : {KHELP_UNLOAD_REFUSE, KHELP_UNLOAD_WAIT, KHELP_UNLOAD_REVOKE}) {
      const int error = khelp_helper_unregister(a.id, how, how == KHELP_UNLOAD_WAIT ? 1 : 0);
      EXPECT_TRUE(error == 0 || error == EBUSY || error == ETIMEDOUT) << khelp_failure_text();
      ended += error == 0 ? 1 : 0;
      if (error == 0)
        break;
    }
  }
  stop = true;
  for (std::thread& owner : owners)
    owner.join();
  EXPECT_EQ(ended, 300);
}

TEST(attachment, who_holds_the_stripe_does_not_hold_up_a_destroy) {
  keeper a("first"), b("second");
  khelp_osd object{};
  init(object);
  futex_guard held(osd_stripe(object));
  khelp_destroy_osd(&object);
  EXPECT_TRUE(is_zero(object));
}

TEST(attachment, more_objects_than_a_cache_holds_give_all_their_data_back) {
  keeper a("first");
  std::vector<khelp_osd> objects(3000);
  // So the two helpers' caches are full at different objects, some together.
  for (std::size_t i = 0; i < 100; ++i)
    init(objects[i]);
  keeper b("second");
  for (std::size_t i = 100; i < objects.size(); ++i)
    init(objects[i]);
  EXPECT_EQ(a.attached(), 3000u);
  EXPECT_EQ(b.attached(), 2900u);
  for (khelp_osd& object : objects) {
    khelp_destroy_osd(&object);
    ASSERT_TRUE(is_zero(object));
  }
  EXPECT_EQ(a.unload(), 0) << khelp_failure_text();
  EXPECT_EQ(b.unload(), 0) << khelp_failure_text();
}

TEST(attachment, an_object_of_more_helpers_than_the_struct_has_room_for_gives_all_back) {
  keeper a("first"), b("second"), c("third"), d("fourth");
  std::array<khelp_osd, 600> objects{};
  for (khelp_osd& object : objects)
    init(object);
  EXPECT_EQ(d.attached(), objects.size());
  for (khelp_osd& object : objects) {
    khelp_destroy_osd(&object);
    ASSERT_TRUE(is_zero(object));
  }
  for (keeper* each : {&a, &b, &c, &d})
    EXPECT_EQ(each->unload(), 0) << khelp_failure_text();
}

TEST(attachment, data_that_calls_its_helper_at_its_end_does_so_beside_data_that_does_not) {
  static int ended;
  ended = 0;
  keeper quiet("quiet");
  khelp_helper_x x = quiet.x;
  x.name = "tells";
  x.data_fini = [](void*, void*) {
    ++ended;
    EXPECT_EQ(this_record->passing, 0u) << "nobody's code runs behind the gate";
  };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  keeper last("last");
  khelp_osd object{};
  init(object);
  khelp_destroy_osd(&object);
  EXPECT_EQ(ended, 1);
  EXPECT_TRUE(is_zero(object));
  EXPECT_EQ(quiet.attached() + last.attached(), 0u);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

// ---- constructors ----

struct slow_constructor {
  static inline std::optional<std::latch> inside;
  static inline std::optional<std::latch> go_on;
  slow_constructor() {
    inside.emplace(1);
    go_on.emplace(1);
    x.size = sizeof x;
    x.name = "slow";
    x.version = 1;
    x.classes = test_class;
    x.flags = KHELP_HELPER_NEEDS_OSD;
    x.data_size = 16;
    x.data_init = [](void*, void*, int) {
      inside->count_down();
      go_on->wait();
      return 0;
    };
    EXPECT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  }
  ~slow_constructor() { khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0); }
  std::int32_t id = 0;

 private:
  khelp_helper_x x{};
};

// D11: the constructor returns only when the others are gone.
TEST(attachment, a_constructor_that_sleeps_holds_up_no_other_helpers_unload) {
  for (const int how : {KHELP_UNLOAD_REFUSE, KHELP_UNLOAD_WAIT, KHELP_UNLOAD_REVOKE}) {
    keeper before("before");
    slow_constructor slow;
    keeper after("after");
    khelp_osd object{};
    std::thread maker([&] { init(object); });
    slow_constructor::inside->wait();
    EXPECT_EQ(khelp_helper_unregister(before.id, how, -1), 0) << khelp_failure_text();
    EXPECT_EQ(khelp_helper_unregister(after.id, how, -1), 0) << khelp_failure_text();
    slow_constructor::go_on->count_down();
    maker.join();
    EXPECT_NE(khelp_get_osd(&object, slow.id), nullptr);
    khelp_destroy_osd(&object);
  }
}

TEST(attachment, a_helper_whose_constructor_runs_is_refused_and_nobody_is_said_to_hold_its_data) {
  slow_constructor slow;
  khelp_osd object{};
  std::thread maker([&] { init(object); });
  slow_constructor::inside->wait();
  EXPECT_EQ(khelp_helper_unregister(slow.id, KHELP_UNLOAD_REFUSE, 0), EBUSY);
  EXPECT_STREQ(khelp_failure_text(),
               "helper 'slow': 1 object is just being given its data, or losing it; try again");
  slow_constructor::go_on->count_down();
  maker.join();
  khelp_destroy_osd(&object);
}

TEST(attachment, a_helper_that_is_revoked_while_its_constructor_runs_leaves_the_object_without) {
  slow_constructor slow;
  khelp_osd object{};
  std::thread maker([&] { init(object); });
  slow_constructor::inside->wait();
  const helper& h = *khelp_slot_owner(khelp_id_slot(slow.id));
  std::thread remover([&] {
    EXPECT_EQ(khelp_helper_unregister(slow.id, KHELP_UNLOAD_REVOKE, -1), 0) << khelp_failure_text();
  });
  while (h.state() != KHELP_HELPER_GOING)
    std::this_thread::yield();
  slow_constructor::go_on->count_down();
  maker.join();
  remover.join();
  EXPECT_EQ(object.osd_u.osd_inline[0], nullptr);
  khelp_destroy_osd(&object);
}

TEST(attachment, a_helper_that_is_loaded_while_a_constructor_runs_gives_the_object_its_data_too) {
  slow_constructor slow;
  khelp_osd object{};
  std::thread maker([&] { init(object); });
  slow_constructor::inside->wait();
  keeper plain("plain");
  khelp_helper_x x = plain.x;
  x.name = "constructs";
  x.data_init = [](void*, void*, int) { return 0; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  slow_constructor::go_on->count_down();
  maker.join();
  EXPECT_NE(khelp_get_osd(&object, plain.id), nullptr);
  EXPECT_NE(khelp_get_osd(&object, id), nullptr);
  khelp_destroy_osd(&object);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

TEST(attachment, what_a_constructor_refuses_is_told_again_after_a_while_with_how_many_there_were) {
  std::vector<std::string> told;
  khelp_log_set_sink(
      [](void* arg, int level, const char* words) {
        if (level == KHELP_LOG_WARNING)
          static_cast<std::vector<std::string>*>(arg)->emplace_back(words);
      },
      &told);
  keeper pattern("pattern");
  khelp_helper_x x = pattern.x;
  x.name = "refuses";
  x.data_init = [](void*, void*, int) { return EIO; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  std::array<khelp_osd, 5> objects{};
  for (khelp_osd& object : objects) {
    if (&object == &objects.back())
      khelp_slot_owner(khelp_id_slot(id))->refusal_told_ns = 0;  // as if the time were over
    init(object);
  }
  khelp_log_set_sink(nullptr, nullptr);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(
      told[1],
      "helper 'refuses': the constructor of its per-object data answered: Input/output error; "
      "the object goes without, as did others since the last such message: 3");
  for (khelp_osd& object : objects)
    khelp_destroy_osd(&object);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

// ---- errno ----

// The run waits for the stripe as long as this test holds it, and its constructor fails at something.
TEST(attachment, a_run_that_adopts_under_a_contended_stripe_leaves_errno_alone) {
  khelp_osd object{};
  init(object);
  khelp_hhook_head* head = nullptr;
  constexpr std::int32_t type = KHELP_HHOOK_TYPE_APP + 0x200000;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0) << khelp_failure_text();
  static std::atomic<bool> adopting;
  adopting = false;
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.hook.hook_type = type;
  hook.hook.hook_func = [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
    return 0;
  };
  keeper pattern("pattern");
  khelp_helper_x x = pattern.x;
  x.name = "adopts";
  x.flags |= KHELP_HELPER_ADOPT;
  x.hooks = &hook;
  x.nhooks = 1;
  x.data_init = [](void*, void*, int) {
    close(-1);
    adopting = true;
    return 0;
  };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  int seen = 0;
  osd_stripe(object).lock();
  std::thread runner([&] {
    errno = ENOTTY;
    khelp_hhook_run_hooks(head, nullptr, &object);
    seen = errno;
  });
  while (!adopting)
    std::this_thread::yield();
  for (int i = 0; i < 1000; ++i)  // it sleeps on the stripe by then, or nearly always
    std::this_thread::yield();
  osd_stripe(object).unlock();
  runner.join();
  EXPECT_EQ(seen, ENOTTY);
  EXPECT_NE(khelp_get_osd(&object, id), nullptr);
  khelp_destroy_osd(&object);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
}

}  // namespace
