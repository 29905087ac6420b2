// Defects of the originals that no other test shows (docs/defects.md has them all).
#include <cerrno>
#include <gtest/gtest.h>
#include <string>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/log.h>

namespace {

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP << 5;

std::int32_t fresh_type() {
  static std::int32_t next = KHELP_HHOOK_TYPE_APP + 0x500000;
  return ++next;
}

int count(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++*static_cast<int*>(udata);
  return 0;
}
int other(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ADD_FAILURE() << "not what was registered";
  return 0;
}

khelp_hookinfo_x hook_at(std::int32_t type, std::int32_t id, int* calls) {
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.hook.hook_func = count;
  hook.hook.hook_udata = calls;
  hook.hook.hook_type = type;
  hook.hook.hook_id = id;
  return hook;
}

khelp_helper_x helper_with(const char* name, const khelp_hookinfo_x* hooks, std::uint32_t nhooks) {
  khelp_helper_x x{};
  x.size = sizeof x;
  x.name = name;
  x.version = 1;
  x.hooks = hooks;
  x.nhooks = nhooks;
  return x;
}

TEST(defects, K_30_a_helpers_table_is_copied_and_may_be_changed_or_shared_afterwards) {
  const std::int32_t type = fresh_type();
  int calls = 0;
  khelp_hookinfo_x table = hook_at(type, 0, &calls);
  const khelp_hookinfo_x before = table;
  khelp_helper_x x = helper_with("copied", &table, 1);
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  EXPECT_EQ(table.hook.hook_helper, before.hook.hook_helper) << "nothing is written to it";
  table.hook.hook_func = other;
  khelp_hhook_head* late = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &late, 0), 0);
  khelp_hhook_run_hooks(late, nullptr, nullptr);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(late), 0);
}

std::int32_t id_seen_by_ctor;

TEST(defects, K_22_a_constructor_runs_without_locks_and_may_ask_and_load) {
  const std::int32_t type = fresh_type();
  int calls = 0;
  const khelp_hookinfo_x hook = hook_at(type, 0, &calls);
  khelp_helper_x x = helper_with("asking", &hook, 1);
  x.classes = test_class;
  x.flags = KHELP_HELPER_NEEDS_OSD;
  x.data_size = 8;
  static std::int32_t loaded_by_ctor;
  x.data_init = [](void*, void*, int) {
    id_seen_by_ctor = khelp_get_id("asking");
    khelp_helper_x another = helper_with("from a ctor", nullptr, 0);
    return khelp_helper_register(&another, &loaded_by_ctor);
  };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  khelp_osd object{};
  EXPECT_EQ(khelp_init_osd(test_class, &object), 0);
  EXPECT_EQ(id_seen_by_ctor, id);
  EXPECT_EQ(khelp_destroy_osd(&object), 0);
  EXPECT_EQ(khelp_helper_unregister(loaded_by_ctor, KHELP_UNLOAD_REFUSE, 0), 0);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST(defects, K_9_a_destroy_that_fails_is_logged_and_the_helper_goes) {
  static std::string lines;
  lines.clear();
  khelp_helper_x x = helper_with("reluctant", nullptr, 0);
  x.mod_destroy = [] { return EBUSY; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  khelp_log_set_sink([](void*, int, const char* line) { lines += line; }, nullptr);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
  khelp_log_set_sink(nullptr, nullptr);
  EXPECT_NE(lines.find("'reluctant': its destroy"), std::string::npos) << lines;
  EXPECT_EQ(khelp_get_id("reluctant"), -1);
}

TEST(defects, H_8_a_point_registered_without_a_pointer_runs_whatever_references_there_were) {
  const std::int32_t type = fresh_type();
  int calls = 0;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, nullptr, 0), 0);
  khelp_hookinfo hook = hook_at(type, 0, &calls).hook;
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), 0);
  khelp_hhook_head* head = khelp_hhook_head_get(type, 0);
  ASSERT_NE(head, nullptr);
  khelp_hhook_head_release(head);
  khelp_hhook_run_hooks(head, nullptr, nullptr);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(khelp_hhook_remove_hook_lookup(&hook), 0);
  EXPECT_EQ(khelp_hhook_head_deregister_lookup(type, 0), 0);
}

TEST(defects, H_5_removal_spares_a_hook_that_looks_the_same_but_is_anothers) {
  const std::int32_t type = fresh_type();
  int calls = 0;
  khelp_hhook_head* head = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0);
  khelp_hookinfo hook = hook_at(type, 0, &calls).hook;
  ASSERT_EQ(khelp_hhook_add_hook(head, &hook, 0), 0);
  khelp_helper somebody{};
  khelp_hookinfo foreign = hook;
  foreign.hook_helper = &somebody;
  EXPECT_EQ(khelp_hhook_remove_hook(head, &foreign), 0);
  EXPECT_EQ(head->hhh_nhooks, 1u);
  EXPECT_EQ(khelp_hhook_remove_hook(head, &hook), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
}

}  // namespace
