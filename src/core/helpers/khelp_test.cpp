#include <atomic>
#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/log.h>
#include <khelp/stats.h>

namespace {

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP;

std::int32_t fresh_type() {
  static std::int32_t next = KHELP_HHOOK_TYPE_APP + 0x100000;
  return ++next;
}

struct state {
  std::uint64_t calls;
};
int count_on_object(std::int32_t, std::int32_t, void*, void*, void* hdata, khelp_osd*) {
  ++static_cast<state*>(hdata)->calls;
  return 0;
}

// A native helper with one hook that keeps a `state` per object.
struct declared {
  declared(const char* name, std::int32_t type, std::uint32_t flags = KHELP_HELPER_NEEDS_OSD) {
    hook.size = sizeof hook;
    hook.hook.hook_func = count_on_object;
    hook.hook.hook_type = type;
    x.size = sizeof x;
    x.name = name;
    x.version = 1;
    x.classes = test_class;
    x.flags = flags;
    x.data_size = sizeof(state);
    x.hooks = &hook;
    x.nhooks = 1;
  }
  khelp_hookinfo_x hook{};
  khelp_helper_x x{};
};

struct point {
  explicit point(std::int32_t t) : type(t) {
    EXPECT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0) << khelp_failure_text();
  }
  ~point() { khelp_hhook_head_deregister(head); }
  void run(khelp_osd* osd) { khelp_hhooks_run_if(head, nullptr, osd); }
  std::int32_t type;
  khelp_hhook_head* head = nullptr;
};

khelp_helper_stat stat_of(const char* name) {
  struct found {
    const char* name;
    khelp_helper_stat stat{};
  } f{name};
  EXPECT_EQ(khelp_stats_helpers(
                [](void* arg, const khelp_helper_stat* stat) {
                  auto* to = static_cast<found*>(arg);
                  if (std::string(stat->name) == to->name)
                    to->stat = *stat;
                },
                &f),
            0);
  return f.stat;
}

bool all_zero(const khelp_osd& osd) {
  const khelp_osd zero = KHELP_OSD_INITIALIZER;
  return std::memcmp(&osd, &zero, sizeof osd) == 0;
}

// What is said of data while it lives.
struct listening {
  std::vector<std::string> got;
  listening() {
    khelp_log_set_sink(
        [](void* arg, int, const char* words) {
          if (std::strstr(words, "per-object data") != nullptr)
            static_cast<listening*>(arg)->got.emplace_back(words);
        },
        this);
  }
  ~listening() { khelp_log_set_sink(nullptr, nullptr); }
};

std::string log_of_calls;

}  // namespace

TEST(khelp, conformance_10_a_hook_that_needs_data_is_skipped_and_counted_without_it) {
  const std::int32_t type = fresh_type();
  point p(type);
  declared d("skipped", type);
  std::int32_t id = 0;
  khelp_osd old = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &old), 0);
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0) << khelp_failure_text();
  p.run(nullptr);
  p.run(&old);
  const khelp_helper_stat stat = stat_of("skipped");
  EXPECT_EQ(stat.calls, 0u);
  EXPECT_EQ(stat.skipped[KHELP_SKIP_NO_DATA], 2u) << "H-13, K-25";
  khelp_destroy_osd(&old);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(khelp, conformance_17_loading_makes_zone_init_slot_hooks_and_unloading_takes_them_back) {
  const std::int32_t type = fresh_type();
  point p(type);
  declared d("whole", type);
  log_of_calls.clear();
  d.x.mod_init = [] {
    log_of_calls += "init ";
    return 0;
  };
  d.x.mod_destroy = [] {
    log_of_calls += "destroy ";
    return 0;
  };
  d.x.data_init = [](void*, void*, int) {
    log_of_calls += "data ";
    return 0;
  };
  d.x.data_fini = [](void*, void*) { log_of_calls += "end "; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  EXPECT_EQ(khelp_get_id("whole"), id);
  EXPECT_EQ(p.head->hhh_nhooks, 1u);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  p.run(&osd);
  p.run(&osd);
  EXPECT_EQ(static_cast<state*>(khelp_get_osd(&osd, id))->calls, 2u);
  khelp_destroy_osd(&osd);
  EXPECT_TRUE(all_zero(osd));
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
  EXPECT_EQ(khelp_get_id("whole"), -1);
  EXPECT_EQ(p.head->hhh_nhooks, 0u);
  EXPECT_EQ(log_of_calls, "init data end destroy ");
}

TEST(khelp, conformance_18_a_failing_init_is_returned_and_destroy_is_not_called) {
  declared d("failing", fresh_type());
  log_of_calls.clear();
  d.x.mod_init = [] { return EPERM; };
  d.x.mod_destroy = [] {
    log_of_calls += "destroy";
    return 0;
  };
  EXPECT_EQ(khelp_helper_register(&d.x, nullptr), EPERM);
  EXPECT_NE(std::string(khelp_failure_text()).find("failing"), std::string::npos);
  EXPECT_EQ(log_of_calls, "");
  d.x.mod_init = nullptr;
  std::int32_t id = 0;
  EXPECT_EQ(khelp_helper_register(&d.x, &id), 0) << "the name is free again";
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(khelp, conformance_19_a_failing_second_hook_undoes_the_first_and_spares_a_foreign_one) {
  const std::int32_t type = fresh_type();
  point p(type);
  // Somebody else's hook of the same function and argument is at (type, 0).
  khelp_hookinfo foreign{};
  foreign.hook_func = count_on_object;
  foreign.hook_type = type;
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &foreign, 0), 0);
  khelp_hookinfo_x hooks[2] = {};
  for (auto& h : hooks) {
    h.size = sizeof h;
    h.hook.hook_func = count_on_object;
    h.hook.hook_type = type;
  }
  hooks[0].hook.hook_udata = hooks;
  declared d("second", type);
  d.x.hooks = hooks;
  d.x.nhooks = 2;
  log_of_calls.clear();
  d.x.mod_init = [] { return 0; };
  d.x.mod_destroy = [] {
    log_of_calls += "destroy";
    return 0;
  };
  EXPECT_EQ(khelp_helper_register(&d.x, nullptr), EEXIST);
  EXPECT_EQ(p.head->hhh_nhooks, 1u) << "K-1: the foreign hook survives, the first is undone";
  EXPECT_EQ(log_of_calls, "destroy") << "K-8";
  EXPECT_EQ(khelp_get_id("second"), -1);
  khelp_hhook_remove_hook(p.head, &foreign);
}

TEST(khelp, conformance_20_needs_osd_through_the_plain_macro_is_edoofus) {
  khelp_helper h{};
  h.h_flags = KHELP_HELPER_NEEDS_OSD;
  h.h_classes = test_class;
  khelp_khelp_modevent_data data{};
  std::strcpy(data.name, "nosize");
  data.helper = &h;
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_LOAD, &data), KHELP_EDOOFUS);
  EXPECT_NE(KHELP_EDOOFUS, ENOTSOCK);
  EXPECT_STREQ(khelp_strerror(KHELP_EDOOFUS), "Programming error");
}

TEST(khelp, conformance_21_two_helpers_of_one_name_are_eexist) {
  declared first("twice", fresh_type());
  declared second("twice", fresh_type());
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&first.x, &id), 0);
  EXPECT_EQ(khelp_helper_register(&second.x, nullptr), EEXIST) << "K-14";
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(khelp, conformance_22_unload_is_ebusy_with_the_holders_while_an_object_is_attached) {
  declared d("held", fresh_type());
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), EBUSY);
  EXPECT_NE(std::string(khelp_failure_text()).find("1 object holds"), std::string::npos)
      << khelp_failure_text();
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, 1), ETIMEDOUT);
  khelp_osd later = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &later), 0);
  EXPECT_NE(khelp_get_osd(&later, id), nullptr) << "a refused unload changes nothing";
  khelp_destroy_osd(&later);
  khelp_destroy_osd(&osd);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(khelp, unload_waits_for_the_last_object) {
  declared d("waited", fresh_type());
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  std::thread unloader([&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, -1), 0); });
  while (stat_of("waited").state != KHELP_HELPER_DRAINING)
    std::this_thread::yield();
  khelp_osd late = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &late), 0);
  EXPECT_EQ(khelp_get_osd(&late, id), nullptr) << "a draining helper attaches no more";
  khelp_destroy_osd(&late);
  khelp_destroy_osd(&osd);
  unloader.join();
}

TEST(khelp, the_longest_wait_that_can_be_said_does_not_end_at_once) {
  declared d("longest", fresh_type());
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  std::atomic<bool> answered{false};
  std::thread waiter([&] {
    EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, INT64_MAX), 0);
    answered = true;
  });
  while (stat_of("longest").state != KHELP_HELPER_DRAINING && !answered)
    std::this_thread::yield();
  khelp_destroy_osd(&osd);
  waiter.join();
}

TEST(khelp, an_unload_that_gives_up_waiting_leaves_the_others_waiting) {
  declared d("impatient", fresh_type());
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  constexpr std::int64_t a_while = 100'000'000;
  std::thread impatient(
      [&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, a_while), ETIMEDOUT); });
  while (stat_of("impatient").state != KHELP_HELPER_DRAINING)
    std::this_thread::yield();
  std::thread patient([&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, -1), 0); });
  impatient.join();
  khelp_destroy_osd(&osd);
  patient.join();
  EXPECT_EQ(khelp_get_id("impatient"), -1);
}

TEST(khelp, a_resume_takes_back_a_quiesce_and_not_the_unload_that_waits) {
  khelp_helper h{};
  h.h_flags = KHELP_HELPER_NEEDS_OSD;
  h.h_classes = test_class;
  khelp_khelp_modevent_data data{};
  std::strcpy(data.name, "resumed");
  data.helper = &h;
  data.uma_zsize = sizeof(state);
  ASSERT_EQ(khelp_modevent(nullptr, KHELP_MOD_LOAD, &data), 0) << khelp_failure_text();
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  std::thread waiter([&] { EXPECT_EQ(khelp_helper_unregister(h.h_id, KHELP_UNLOAD_WAIT, -1), 0); });
  while (stat_of("resumed").state != KHELP_HELPER_DRAINING)
    std::this_thread::yield();
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_RESUME, &data), 0);
  EXPECT_EQ(stat_of("resumed").state, static_cast<std::uint32_t>(KHELP_HELPER_DRAINING));
  khelp_destroy_osd(&osd);
  waiter.join();
  EXPECT_EQ(khelp_get_id("resumed"), -1);
}

TEST(khelp, an_unload_that_waits_beside_a_revoke_is_ealready_and_takes_nothing_back) {
  declared d("overtaken", fresh_type());
  static std::latch* going;
  static std::latch* go_on;
  std::latch in_fini(1);
  std::latch finish(1);
  going = &in_fini;
  go_on = &finish;
  d.x.data_fini = [](void*, void*) {
    going->count_down();
    go_on->wait();
  };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  std::thread waiter(
      [&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, -1), EALREADY); });
  while (stat_of("overtaken").state != KHELP_HELPER_DRAINING)
    std::this_thread::yield();
  std::thread revoker([&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0), 0); });
  in_fini.wait();
  waiter.join();
  EXPECT_EQ(stat_of("overtaken").state, static_cast<std::uint32_t>(KHELP_HELPER_GOING));
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0), EALREADY);
  finish.count_down();
  revoker.join();
  khelp_destroy_osd(&osd);
}

TEST(khelp, revoke_destroys_the_data_on_live_objects_and_unloads) {
  const std::int32_t type = fresh_type();
  point p(type);
  declared d("revoked", type);
  static std::atomic<int> ended;
  ended = 0;
  d.x.data_fini = [](void*, void*) { ++ended; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  constexpr int objects = 1000;
  std::vector<khelp_osd> osds(objects);
  for (auto& osd : osds)
    ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  EXPECT_EQ(stat_of("revoked").attached, static_cast<std::uint64_t>(objects));
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0), 0);
  EXPECT_EQ(ended, objects);
  EXPECT_EQ(khelp_get_osd(&osds[0], id), nullptr);
  for (auto& osd : osds) {
    khelp_destroy_osd(&osd);
    EXPECT_TRUE(all_zero(osd));
  }
  EXPECT_EQ(ended, objects);
}

TEST(khelp, conformance_23_quiesce_then_veto_leaves_the_helper_working) {
  khelp_helper h{};
  const std::int32_t type = fresh_type();
  point p(type);
  khelp_hookinfo hook{};
  hook.hook_func = count_on_object;
  hook.hook_type = type;
  h.h_flags = KHELP_HELPER_NEEDS_OSD;
  h.h_classes = test_class;
  khelp_khelp_modevent_data data{};
  std::strcpy(data.name, "quiesced");
  data.helper = &h;
  data.hooks = &hook;
  data.nhooks = 1;
  data.uma_zsize = sizeof(state);
  ASSERT_EQ(khelp_modevent(nullptr, KHELP_MOD_LOAD, &data), 0) << khelp_failure_text();
  EXPECT_STREQ(h.h_name, "quiesced");
  EXPECT_EQ(h.h_id, khelp_get_id("quiesced"));
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_QUIESCE, &data), 0);
  EXPECT_EQ(p.head->hhh_nhooks, 1u) << "K-10: quiesce only asks";
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_RESUME, &data), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  p.run(&osd);
  EXPECT_EQ(static_cast<state*>(khelp_get_osd(&osd, h.h_id))->calls, 1u);
  EXPECT_EQ(h.h_refcount, 0u) << "not on every attachment";
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_QUIESCE, &data), EBUSY);
  EXPECT_EQ(h.h_refcount, 1u) << "for the module that says what it waits for";
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_UNLOAD, &data), EBUSY);
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_SHUTDOWN, &data), 0) << "K-11";
  khelp_destroy_osd(&osd);
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_UNLOAD, &data), 0);
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_UNLOAD, &data), 0) << "ENOENT counts as done";
  EXPECT_EQ(khelp_modevent(nullptr, 99, &data), EINVAL);
}

TEST(khelp, conformance_25_init_twice_and_destroy_twice_stay_balanced) {
  declared d("balanced", fresh_type());
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  void* data = khelp_get_osd(&osd, id);
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  EXPECT_EQ(khelp_get_osd(&osd, id), data) << "K-18";
  EXPECT_EQ(stat_of("balanced").attached, 1u);
  khelp_destroy_osd(&osd);
  khelp_destroy_osd(&osd);
  EXPECT_EQ(stat_of("balanced").attached, 0u);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(khelp, conformance_27_a_stale_id_gives_null) {
  declared d("stale", fresh_type());
  std::int32_t first = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &first), 0);
  ASSERT_EQ(khelp_helper_unregister(first, KHELP_UNLOAD_REFUSE, 0), 0);
  std::int32_t second = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &second), 0);
  EXPECT_NE(first, second) << "K-16";
  EXPECT_GT(second, 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  EXPECT_EQ(khelp_get_osd(&osd, first), nullptr);
  EXPECT_NE(khelp_get_osd(&osd, second), nullptr);
  EXPECT_EQ(khelp_get_osd(&osd, 0), nullptr);
  EXPECT_EQ(khelp_get_osd(&osd, -1), nullptr);
  EXPECT_EQ(khelp_get_osd(nullptr, second), nullptr);
  khelp_destroy_osd(&osd);
  EXPECT_EQ(khelp_helper_unregister(second, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(khelp, conformance_28_a_dynamic_hook_joins_late_points_and_goes_with_its_helper) {
  const std::int32_t type = fresh_type();
  khelp_helper h{};
  std::strcpy(h.h_name, "dynamic");
  ASSERT_EQ(khelp_register_helper(&h), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_register_helper(&h), EALREADY) << "K-15";
  khelp_hookinfo hook{};
  static int calls;
  calls = 0;
  hook.hook_func = [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
    return ++calls, 0;
  };
  hook.hook_type = type;
  hook.hook_helper = &h;
  ASSERT_EQ(khelp_add_hhook(&hook, 0), 0);
  point late(type);
  late.run(nullptr);
  EXPECT_EQ(calls, 1) << "K-29";
  EXPECT_EQ(khelp_deregister_helper(&h), 0);
  EXPECT_EQ(late.head->hhh_nhooks, 0u);
  EXPECT_EQ(khelp_deregister_helper(&h), ENOENT);
}

TEST(khelp, conformance_29_an_adopting_helper_gives_older_objects_data_at_the_first_call) {
  const std::int32_t type = fresh_type();
  point p(type);
  khelp_osd old = KHELP_OSD_INITIALIZER;
  khelp_osd stranger = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &old), 0);
  ASSERT_EQ(khelp_init_osd(test_class << 1, &stranger), 0);
  declared d("adopter", type, KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT);
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd unmarked = KHELP_OSD_INITIALIZER;
  p.run(&old);
  p.run(&old);
  p.run(&stranger);
  p.run(&unmarked);
  EXPECT_EQ(static_cast<state*>(khelp_get_osd(&old, id))->calls, 2u);
  const khelp_helper_stat stat = stat_of("adopter");
  EXPECT_EQ(stat.adopted, 1u);
  EXPECT_EQ(stat.skipped[KHELP_SKIP_NO_DATA], 2u);
  khelp_destroy_osd(&old);
  khelp_destroy_osd(&stranger);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

namespace {
// Two helpers of one class: `good` gets its data first, the other's constructor ends otherwise.
struct half_made {
  explicit half_made(int (*constructor)(void*, void*, int), std::uint32_t flags = 0)
      : type(fresh_type()),
        good("good", type, KHELP_HELPER_NEEDS_OSD | flags),
        bad("bad", type, KHELP_HELPER_NEEDS_OSD | flags) {
    bad.hook.hook.hook_udata = this;
    bad.x.data_init = constructor;
    // Both have one; objects get their data in load order.
    good.x.data_init = [](void*, void*, int) { return 0; };
    EXPECT_EQ(khelp_helper_register(&good.x, &good_id), 0) << khelp_failure_text();
    EXPECT_EQ(khelp_helper_register(&bad.x, &bad_id), 0) << khelp_failure_text();
  }
  ~half_made() {
    EXPECT_EQ(khelp_helper_unregister(good_id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
    EXPECT_EQ(khelp_helper_unregister(bad_id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  }
  std::int32_t type;
  declared good;
  declared bad;
  std::int32_t good_id = 0;
  std::int32_t bad_id = 0;
};
}  // namespace

TEST(khelp, a_constructor_without_memory_leaves_the_object_with_nothing) {  // K-17
  for (const auto constructor : {+[](void*, void*, int) -> int { return ENOMEM; },
                                 +[](void*, void*, int) -> int { throw std::bad_alloc(); }}) {
    const half_made helpers(constructor);
    khelp_osd osd = KHELP_OSD_INITIALIZER;
    EXPECT_EQ(khelp_init_osd(test_class, &osd), ENOMEM);
    EXPECT_TRUE(all_zero(osd));
    EXPECT_EQ(stat_of("good").attached_total, 1u) << "the test would show nothing otherwise";
    EXPECT_EQ(stat_of("good").attached, 0u);
    EXPECT_EQ(stat_of("bad").attached, 0u);
    EXPECT_EQ(stat_of("bad").attach_failures, 1u);
    EXPECT_EQ(stat_of("bad").refused, 0u);
  }
}

TEST(khelp, a_constructor_that_throws_or_refuses_costs_the_object_its_own_data_only) {
  const listening log;
  for (const auto constructor :
       {+[](void*, void*, int) -> int { throw std::runtime_error("no state today"); },
        +[](void*, void*, int) -> int { throw 7; },
        +[](void*, void*, int) -> int { return EACCES; }}) {
    const half_made helpers(constructor);
    point p(helpers.type);
    khelp_osd objects[3] = {};
    for (khelp_osd& osd : objects) {
      EXPECT_EQ(khelp_init_osd(test_class, &osd), 0) << khelp_failure_text();
      p.run(&osd);
      EXPECT_EQ(static_cast<state*>(khelp_get_osd(&osd, helpers.good_id))->calls, 1u);
      EXPECT_EQ(khelp_get_osd(&osd, helpers.bad_id), nullptr);
    }
    const khelp_helper_stat bad = stat_of("bad");
    EXPECT_EQ(bad.attached, 0u);
    EXPECT_EQ(bad.attach_failures, 0u);
    EXPECT_EQ(bad.refused, 3u);
    EXPECT_EQ(bad.skipped[KHELP_SKIP_CONSTRUCTOR], 3u);
    EXPECT_EQ(bad.skipped[KHELP_SKIP_NO_DATA], 0u);
    for (khelp_osd& osd : objects) {
      khelp_destroy_osd(&osd);
      EXPECT_TRUE(all_zero(osd));
    }
  }
  const std::string start = "helper 'bad': the constructor of its per-object data ";
  const std::string end = "; the object goes without";
  EXPECT_EQ(log.got, (std::vector<std::string>{
                         start + "threw: no state today" + end,
                         start + "threw something that is no std::exception" + end,
                         start + "answered: Permission denied" + end,
                     }))
      << "each once, however many objects";
}

TEST(khelp, a_constructor_that_is_cancelled_leaves_the_object_with_nothing) {
  const half_made helpers([](void*, void*, int) -> int { pthread_exit(nullptr); });
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  std::thread([&] { khelp_init_osd(test_class, &osd); }).join();
  EXPECT_TRUE(all_zero(osd));
  EXPECT_EQ(stat_of("good").attached_total, 1u) << "the test would show nothing otherwise";
  EXPECT_EQ(stat_of("good").attached, 0u);
  EXPECT_EQ(stat_of("bad").attached, 0u);
}

TEST(khelp, a_constructor_that_threw_is_asked_again_at_the_next_hook_call_if_the_helper_adopts) {
  static int asked;
  asked = 0;
  const half_made helpers(
      [](void*, void*, int) -> int {
        if (++asked < 3)
          throw std::runtime_error("not yet");
        return 0;
      },
      KHELP_HELPER_ADOPT);
  point p(helpers.type);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  p.run(&osd);
  EXPECT_EQ(stat_of("good").calls, 1u);
  EXPECT_EQ(stat_of("bad").calls, 0u);
  EXPECT_EQ(stat_of("bad").refused, 2u);
  EXPECT_EQ(stat_of("bad").skipped[KHELP_SKIP_CONSTRUCTOR], 1u);
  EXPECT_EQ(stat_of("bad").skipped[KHELP_SKIP_NO_MEMORY], 0u);
  p.run(&osd);
  EXPECT_EQ(stat_of("bad").calls, 1u);
  EXPECT_EQ(stat_of("bad").adopted, 1u);
  khelp_destroy_osd(&osd);
}

TEST(khelp, a_destructor_that_throws_is_told_and_the_objects_other_data_ends) {
  static int ended;
  ended = 0;
  declared first("first", fresh_type());
  first.x.data_fini = [](void*, void*) { ++ended; };
  declared last("last", fresh_type());
  last.x.data_fini = [](void*, void*) { throw std::runtime_error("no"); };
  std::int32_t first_id = 0;
  std::int32_t last_id = 0;
  ASSERT_EQ(khelp_helper_register(&first.x, &first_id), 0) << khelp_failure_text();
  ASSERT_EQ(khelp_helper_register(&last.x, &last_id), 0) << khelp_failure_text();
  const listening log;
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  EXPECT_EQ(khelp_destroy_osd(&osd), 0);
  EXPECT_TRUE(all_zero(osd));
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(log.got, std::vector<std::string>{
                         "helper 'last': the destructor of its per-object data threw: no"});
  EXPECT_EQ(khelp_helper_unregister(first_id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_helper_unregister(last_id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

TEST(khelp, a_cancelled_thread_ends_the_data_of_its_object_whole) {
  static bool whole;
  whole = false;
  declared d("closer", fresh_type());
  d.x.data_fini = [](void*, void*) {
    pthread_testcancel();
    whole = true;
  };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0) << khelp_failure_text();
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  std::thread([&] {
    pthread_cancel(pthread_self());
    khelp_destroy_osd(&osd);
    pthread_testcancel();
  }).join();
  EXPECT_TRUE(whole);
  EXPECT_TRUE(all_zero(osd));
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
}

namespace {
int append_name(std::int32_t, std::int32_t, void* udata, void* ctx, void*, khelp_osd*) {
  *static_cast<std::string*>(ctx) += static_cast<const char*>(udata);
  return 0;
}
struct letters {
  letters(const char* name, std::int32_t type, const char* before = nullptr,
          const char* after = nullptr) {
    hook.size = sizeof hook;
    hook.before = before;
    hook.after = after;
    hook.hook.hook_func = append_name;
    hook.hook.hook_udata = const_cast<char*>(name);
    hook.hook.hook_type = type;
    x.size = sizeof x;
    x.name = name;
    x.hooks = &hook;
    x.nhooks = 1;
    answer = khelp_helper_register(&x, &id);
  }
  ~letters() {
    if (answer == 0)
      khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0);
  }
  khelp_hookinfo_x hook{};
  khelp_helper_x x{};
  std::int32_t id = 0;
  int answer = 0;
};
std::string order_at(point& p) {
  std::string seen;
  khelp_hhooks_run_if(p.head, &seen, nullptr);
  return seen;
}
}  // namespace

TEST(khelp, conformance_15_early_and_late_points_run_hooks_in_the_same_order) {
  const std::int32_t type = fresh_type();
  auto early = std::make_unique<point>(type);
  letters a("a", type);
  letters b("b", type);
  letters c("c", type, "a");
  EXPECT_EQ(order_at(*early), "bca");
  early.reset();
  point late(type);
  EXPECT_EQ(order_at(late), "bca") << "H-17";
}

TEST(khelp, constraints_on_absent_helpers_are_ignored_and_a_cycle_refuses_the_newcomer) {
  const std::int32_t type = fresh_type();
  point p(type);
  letters a("x", type, nullptr, "z,nobody");
  EXPECT_EQ(order_at(p), "x");
  letters z("z", type);
  EXPECT_EQ(order_at(p), "zx");
  letters y("y", type, "z", "x");
  EXPECT_EQ(y.answer, ELOOP);
  EXPECT_EQ(order_at(p), "zx");
}

TEST(khelp, a_cycle_at_a_point_that_is_not_registered_yet_refuses_the_newcomer_and_not_the_point) {
  const std::int32_t type = fresh_type();
  letters a("a", type, "b");
  letters b("b", type, "c");
  letters c("c", type, "a");
  EXPECT_EQ(a.answer, 0);
  EXPECT_EQ(b.answer, 0);
  EXPECT_EQ(c.answer, ELOOP);
  EXPECT_EQ(khelp_get_id("c"), -1);
  point late(type);
  EXPECT_EQ(order_at(late), "ab");
}

TEST(khelp, waiting_inside_a_hook_is_edeadlk_and_a_revoke_there_is_finished_later) {
  const std::int32_t type = fresh_type();
  point p(type);
  static std::int32_t id;
  static int destroyed;
  destroyed = 0;
  declared d("suicidal", type);
  khelp_hookinfo_x hook = d.hook;
  hook.hook.hook_func = [](std::int32_t, std::int32_t, void*, void*, void* hdata, khelp_osd*) {
    EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, -1), EDEADLK);
    EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0), 0);
    ++static_cast<state*>(hdata)->calls;  // still ours while we are inside
    EXPECT_EQ(destroyed, 0);
    return 0;
  };
  d.x.hooks = &hook;
  d.x.mod_destroy = [] { return ++destroyed, 0; };
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  p.run(&osd);
  EXPECT_EQ(p.head->hhh_nhooks, 0u);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(destroyed, 1);
  khelp_destroy_osd(&osd);
}

TEST(khelp, an_object_destroyed_from_its_own_hook_keeps_its_data_until_the_hook_has_left) {
  const std::int32_t type = fresh_type();
  point p(type);
  static int ended;
  ended = 0;
  declared d("ownhook", type);
  khelp_hookinfo_x hook = d.hook;
  hook.hook.hook_func = [](std::int32_t, std::int32_t, void*, void*, void* hdata, khelp_osd* osd) {
    khelp_destroy_osd(osd);
    EXPECT_EQ(ended, 0);
    ++static_cast<state*>(hdata)->calls;
    return 0;
  };
  d.x.hooks = &hook;
  d.x.data_fini = [](void*, void*) { ++ended; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  p.run(&osd);
  EXPECT_EQ(ended, 1);
  EXPECT_TRUE(all_zero(osd));
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(khelp, revoke_waits_for_an_object_section_and_data_read_in_it_stays_valid) {
  declared d("sectioned", fresh_type());
  static std::atomic<bool> ended;
  ended = false;
  d.x.data_fini = [](void*, void*) { ended = true; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  khelp_osd_enter(&osd);
  auto* data = static_cast<state*>(khelp_get_osd(&osd, id));
  ASSERT_NE(data, nullptr);
  std::thread revoker([&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0), 0); });
  while (khelp_get_osd(&osd, id) != nullptr)
    std::this_thread::yield();
  ++data->calls;
  EXPECT_FALSE(ended);
  khelp_osd_leave(&osd);
  revoker.join();
  EXPECT_TRUE(ended);
  khelp_destroy_osd(&osd);
}

TEST(khelp, class_has_osd_says_whether_objects_of_a_class_were_initialised) {
  constexpr std::uint32_t rare = 0x40000000;
  EXPECT_EQ(khelp_class_has_osd(rare), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(rare, &osd), 0);
  EXPECT_EQ(khelp_class_has_osd(rare), 1) << "K-42";
  khelp_destroy_osd(&osd);
  EXPECT_TRUE(all_zero(osd));
}

TEST(khelp, needs_osd_without_classes_is_einval) {
  declared d("classless", fresh_type());
  d.x.classes = 0;
  EXPECT_EQ(khelp_helper_register(&d.x, nullptr), EINVAL) << "K-36";
}

TEST(khelp, a_helper_whose_data_no_zone_can_hold_is_refused_in_words) {
  for (const std::size_t align : {std::size_t{24}, std::size_t{8192}, std::size_t{1} << 33}) {
    declared d("aligned", fresh_type());
    d.x.data_align = align;
    EXPECT_EQ(khelp_helper_register(&d.x, nullptr), EINVAL) << align;
    const std::string words = khelp_failure_text();
    EXPECT_NE(words.find("'aligned'"), std::string::npos) << words;
    EXPECT_NE(words.find("power of two, at most 4096"), std::string::npos) << words;
  }
  declared d("vast", fresh_type());
  d.x.data_size = SIZE_MAX;
  EXPECT_EQ(khelp_helper_register(&d.x, nullptr), EINVAL);
  EXPECT_NE(std::string(khelp_failure_text()).find("size of an item"), std::string::npos)
      << khelp_failure_text();
}

TEST(khelp, a_hook_that_its_point_did_not_take_says_so_in_the_statistics) {
  const std::int32_t type = fresh_type();
  declared d("misfit", type);
  d.hook.event = "event";
  d.hook.fingerprint = 1;
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0);
  struct seen {
    std::uint32_t state = 0;
    std::string why;
  };
  const auto hook_of_the_helper = [] {
    seen s;
    khelp_stats_hooks(
        [](void* arg, const khelp_hook_stat* stat) {
          if (std::string(stat->helper) == "misfit")
            *static_cast<seen*>(arg) = {stat->state, stat->why};
        },
        &s);
    return s;
  };
  EXPECT_EQ(hook_of_the_helper().state, static_cast<std::uint32_t>(KHELP_HOOK_PENDING));
  EXPECT_EQ(hook_of_the_helper().why, "its point is not registered");
  khelp_hhook_head* head = nullptr;
  khelp_hhook_head_x x{};
  x.size = sizeof x;
  x.event = "event";
  x.fingerprint = 2;
  ASSERT_EQ(khelp_hhook_head_register_x(type, 0, nullptr, &head, &x), 0) << khelp_failure_text();
  EXPECT_EQ(head->hhh_nhooks, 0u);
  EXPECT_EQ(hook_of_the_helper().state, static_cast<std::uint32_t>(KHELP_HOOK_MISFIT));
  EXPECT_NE(hook_of_the_helper().why.find("of another name or layout"), std::string::npos);
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
  EXPECT_EQ(hook_of_the_helper().state, static_cast<std::uint32_t>(KHELP_HOOK_PENDING));
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

namespace {
// A helper as FreeBSD's own code registers one, with a zone that it made itself.
struct with_own_zone {
  explicit with_own_zone(const char* name, khelp_uma_zone_t zone) {
    std::strcpy(h.h_name, name);
    h.h_flags = KHELP_HELPER_NEEDS_OSD;
    h.h_classes = test_class;
    h.h_zone = zone;
  }
  khelp_helper h{};
};
khelp_uma_zone_t zone_of_states() {
  return khelp_uma_zcreate("states", sizeof(state), nullptr, nullptr, nullptr, nullptr, 0, 0);
}
}  // namespace

TEST(khelp, a_helper_with_a_zone_of_its_own_can_be_registered_again_with_it) {
  khelp_uma_zone_t zone = zone_of_states();
  with_own_zone own("own", zone);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(khelp_register_helper(&own.h), 0) << khelp_failure_text();
    khelp_osd osd = KHELP_OSD_INITIALIZER;
    ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
    EXPECT_NE(khelp_get_osd(&osd, own.h.h_id), nullptr);
    khelp_destroy_osd(&osd);
    ASSERT_EQ(khelp_deregister_helper(&own.h), 0) << khelp_failure_text();
    EXPECT_EQ(own.h.h_zone, zone) << "the caller's, and still there";
  }
  khelp_uma_zdestroy(zone);
}

TEST(khelp, a_zone_is_one_helpers_at_a_time) {
  khelp_uma_zone_t zone = zone_of_states();
  with_own_zone first("first", zone);
  with_own_zone second("second", zone);
  ASSERT_EQ(khelp_register_helper(&first.h), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_register_helper(&second.h), EBUSY);
  EXPECT_EQ(khelp_deregister_helper(&first.h), 0);
  EXPECT_EQ(khelp_register_helper(&second.h), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_deregister_helper(&second.h), 0);
  khelp_uma_zdestroy(zone);
}
