#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/loader.h>
#include <khelp/malloc.h>
#include <khelp/uma.h>

#include "snapshot/collect.hpp"
#include "snapshot/helpers.hpp"
#include "snapshot/hooks.hpp"
#include "snapshot/memory.hpp"
#include "snapshot/modules.hpp"

namespace khelp::snapshot {
namespace {

constexpr std::int32_t some_type = KHELP_HHOOK_TYPE_APP + 0x5000;

/// What is listed of that name; nullptr: nothing.
template <class Info>
const Info* named(const std::vector<Info>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Info& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

/// A point with a name, as long as it lives.
struct point {
  point() {
    EXPECT_EQ(khelp_hhook_head_register(some_type, 1, &head, 0), 0) << khelp_failure_text();
  }
  ~point() { khelp_hhook_head_deregister(head); }
  void run(khelp_osd* object) { khelp_hhooks_run_if(head, nullptr, object); }

  khelp_hhook_head* head = nullptr;
};

int do_nothing(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  return 0;
}

/// A helper with a hook at the point, or at another that nobody registers, as long as it lives.
struct helper {
  explicit helper(const char* name, std::int32_t priority = 0, std::int32_t at = 1) {
    hook.size = sizeof hook;
    hook.hook.hook_func = do_nothing;
    hook.hook.hook_udata = this;  // the same function may stand at a point once for each
    hook.hook.hook_type = some_type;
    hook.hook.hook_id = at;
    hook.priority = priority;
    x.size = sizeof x;
    x.name = name;
    x.version = 7;
    x.classes = KHELP_HELPER_CLASS_APP;
    x.flags = KHELP_HELPER_NEEDS_OSD;
    x.data_size = 16;
    x.hooks = &hook;
    x.nhooks = 1;
    EXPECT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  }
  ~helper() { khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0); }

  khelp_hookinfo_x hook{};
  khelp_helper_x x{};
  std::int32_t id = 0;
};

TEST(snapshot, hooks_stand_in_running_order_with_their_point_and_what_they_counted) {
  point where;
  const helper late("late", 5);
  const helper early("early", -5);
  const helper waiting("waiting", 0, 2);
  khelp_osd object{};
  ASSERT_EQ(khelp_init_osd(KHELP_HELPER_CLASS_APP, &object), 0);
  where.run(&object);
  where.run(nullptr);
  const std::vector<hook_info> hooks = read_hooks();
  ASSERT_EQ(hooks.size(), 3u);
  EXPECT_EQ(hooks[0].helper, "early");
  EXPECT_EQ(hooks[0].position, 0u);
  EXPECT_EQ(hooks[0].priority, -5);
  EXPECT_EQ(hooks[0].type, some_type);
  EXPECT_EQ(hooks[0].id, 1);
  EXPECT_EQ(hooks[0].state, std::uint32_t{KHELP_HOOK_ATTACHED});
  EXPECT_NE(hooks[0].why, "");
  EXPECT_EQ(hooks[0].calls, 1u);
  EXPECT_EQ(hooks[0].skipped[KHELP_SKIP_NO_DATA], 1u);
  EXPECT_EQ(hooks[1].helper, "late");
  EXPECT_EQ(hooks[1].position, 1u);
  EXPECT_EQ(hooks[1].point, hooks[0].point);
  EXPECT_EQ(hooks[2].helper, "waiting");
  EXPECT_EQ(hooks[2].state, std::uint32_t{KHELP_HOOK_PENDING});
  khelp_destroy_osd(&object);
}

TEST(snapshot, helpers_are_told_with_their_objects_and_calls) {
  point where;
  const helper one("one");
  khelp_osd object{};
  ASSERT_EQ(khelp_init_osd(KHELP_HELPER_CLASS_APP, &object), 0);
  where.run(&object);
  const std::vector<helper_info> helpers = read_helpers();
  const helper_info* found = named(helpers, "one");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, one.id);
  EXPECT_EQ(found->version, 7u);
  EXPECT_EQ(found->state, std::uint32_t{KHELP_HELPER_LIVE});
  EXPECT_EQ(found->attached, 1u);
  EXPECT_EQ(found->calls, 1u);
  khelp_destroy_osd(&object);
  const std::vector<helper_info> later = read_helpers();
  EXPECT_EQ(named(later, "one")->attached, 0u);
  EXPECT_EQ(named(later, "one")->attached_total, 1u);
  EXPECT_EQ(found->attached, 1u) << "a snapshot does not change";
}

TEST(snapshot, what_is_gone_is_not_told) {
  { const helper one("short-lived"); }
  EXPECT_EQ(named(read_helpers(), "short-lived"), nullptr);
  EXPECT_TRUE(read_hooks().empty());
}

TEST(snapshot, module_files_are_told_while_they_are_loaded_with_the_helper_they_brought) {
  EXPECT_TRUE(read_modules().empty());
  std::int32_t file = 0;
  ASSERT_EQ(khelp_load(KHELP_HELPER_DIR "/ertt.so", nullptr, &file), 0) << khelp_failure_text();
  const std::vector<module_info> modules = read_modules();
  ASSERT_EQ(modules.size(), 1u);
  EXPECT_EQ(modules[0].id, file);
  EXPECT_EQ(modules[0].name, "ertt");
  EXPECT_TRUE(modules[0].file.ends_with("/ertt.so")) << modules[0].file;
  EXPECT_EQ(modules[0].state, std::uint32_t{KHELP_MODULE_LIVE});
  EXPECT_EQ(modules[0].references, 1u);
  EXPECT_FALSE(modules[0].permanent);
  EXPECT_NE(modules[0].base, 0u);
  const std::vector<helper_info> helpers = read_helpers();
  ASSERT_NE(named(helpers, "ertt"), nullptr);
  EXPECT_EQ(named(helpers, "ertt")->id, modules[0].helper);
  ASSERT_EQ(khelp_unload(file, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(modules[0].name, "ertt") << "a snapshot outlives what it shows";
}

TEST(snapshot, zones_and_types_of_memory_are_told_with_what_they_have_out) {
  khelp_malloc_type thing KHELP_MALLOC_TYPE_INITIALIZER("thing", "");
  khelp_uma_zone_t zone = khelp_uma_zcreate("rooms", 48, nullptr, nullptr, nullptr, nullptr, 0, 0);
  void* block = khelp_malloc(100, &thing, KHELP_M_NOWAIT);
  khelp_free(khelp_malloc(90, &thing, KHELP_M_NOWAIT), khelp_malloc_numbered(80));
  void* item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT);
  const memory_info memory = read_memory();
  const memory_type_info* type = named(memory.types, "thing");
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(type->bytes, 100u);
  EXPECT_EQ(type->frees, 1u);
  EXPECT_EQ(type->mismatches, 1u);
  EXPECT_EQ(type->sizes, std::vector<std::uint64_t>{128});
  const zone_info* rooms = named(memory.zones, "rooms");
  ASSERT_NE(rooms, nullptr);
  EXPECT_EQ(rooms->item_size, 48u);
  EXPECT_EQ(rooms->used, 1u);
  khelp_free(block, &thing);
  khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
  khelp_malloc_type_end(&thing);
}

// A listing as the contract has them, of the numbers 1 to 3.
int list_numbers(void (*show)(void* arg, const int* shown), void* arg) {
  for (const int each : {1, 2, 3})
    show(arg, &each);
  return 0;
}

int list_nothing(void (*)(void*, const int*), void*) {
  return ENOMEM;
}

int no_memory_for_two(const int& shown) {
  if (shown == 2)
    throw std::bad_alloc();
  return shown;
}

TEST(snapshot, no_part_of_a_listing_is_missing_in_silence) {
  EXPECT_EQ((collect<int, int>(&list_numbers, [](const int& n) { return n; })),
            (std::vector<int>{1, 2, 3}));
  EXPECT_THROW((collect<int, int>(&list_nothing, [](const int& n) { return n; })), std::bad_alloc);
  EXPECT_THROW((collect<int, int>(&list_numbers, &no_memory_for_two)), std::bad_alloc);
}

}  // namespace
}  // namespace khelp::snapshot
