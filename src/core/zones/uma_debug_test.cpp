// The debug levels: what is found, and in which words.
#include <algorithm>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <khelp/log.h>
#include <khelp/uma.h>

#include "core/zones/uma_life.hpp"

namespace {

using testing::AllOf;
using testing::HasSubstr;

class uma_debug : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "fast");
    khelp_log_set_sink(
        [](void* arg, int, const char* words) {
          static_cast<uma_debug*>(arg)->log.emplace_back(words);
        },
        this);
  }
  void TearDown() override {
    khelp_uma_set_debug(KHELP_UMA_DEBUG_OFF);
    khelp_log_set_sink(nullptr, nullptr);
  }
  khelp_uma_zone_t zone_at(int level, std::size_t size = 64, std::uint32_t flags = 0) {
    khelp_uma_set_debug(level);
    return khelp_uma_zcreate("checked", size, nullptr, nullptr, nullptr, nullptr, 0, flags);
  }

  std::vector<std::string> log;
};
using uma_debug_death = uma_debug;

// A write that AddressSanitizer does not see.
__attribute__((no_sanitize("address"), noinline)) void write_quietly(void* where,
                                                                     unsigned char what) {
  *static_cast<volatile unsigned char*>(where) = what;
}
__attribute__((no_sanitize("address"), noinline)) unsigned read_quietly(const void* where) {
  return *static_cast<const volatile unsigned char*>(where);
}

TEST_F(uma_debug_death, conformance_36_a_double_free_is_found) {
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_BITMAP);
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  khelp_uma_zfree(zone, item);
  EXPECT_DEATH(khelp_uma_zfree(zone, item), "uma: zone checked: item 0x[0-9a-f]+: freed twice");
  khelp_uma_zdestroy(zone);
}

TEST_F(uma_debug_death, conformance_36_an_item_freed_to_the_wrong_zone_is_found) {
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_BITMAP);
  khelp_uma_zone_t other = zone_at(KHELP_UMA_DEBUG_OFF);
  void* item = khelp_uma_zalloc(other, KHELP_M_WAITOK);
  EXPECT_DEATH(khelp_uma_zfree(zone, item), "freed to the wrong zone");
  khelp_uma_zfree(other, item);
  khelp_uma_zdestroy(other);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma_debug_death, a_pointer_that_is_no_item_is_found) {
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_BITMAP);
  int on_the_stack = 0;
  EXPECT_DEATH(khelp_uma_zfree(zone, &on_the_stack), "no zone's item");
  EXPECT_DEATH(khelp_uma_zfree(zone, reinterpret_cast<void*>(16)), "no zone's item");
  EXPECT_DEATH(khelp_uma_zfree(zone, reinterpret_cast<void*>(UINTPTR_MAX - 64)), "no zone's item");
  auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  EXPECT_DEATH(khelp_uma_zfree(zone, item + 1), "not where an item starts");
  void* slab =
      reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(item) & ~std::uintptr_t{65535});
  EXPECT_DEATH(khelp_uma_zfree(zone, slab), "not where an item starts");
  khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma_debug_death, conformance_36_a_write_after_free_is_found_before_the_next_ctor) {
  for (std::size_t at : {0u, 17u, 63u}) {
    khelp_uma_set_debug(KHELP_UMA_DEBUG_POISON);
    khelp_uma_zone_t zone = khelp_uma_zcreate(
        "checked", 64,
        [](void*, int, void*, int) {
          ADD_FAILURE() << "the ctor ran";
          return 0;
        },
        nullptr, nullptr, nullptr, 0, 0);
    EXPECT_DEATH(
        {
          // The first item a fresh zone hands out is its slab's first.
          khelp_uma_prealloc(zone, 1);
          auto* item = static_cast<char*>(zone->layout.item(
              *[&]() KHELP_NO_TSA { return zone->slabs.all().first(); }(), 0));
          write_quietly(item + at, 0x5a);
          khelp_uma_zalloc(zone, KHELP_M_WAITOK);
        },
        "memory modified after free: 0x[0-9a-f]+\\(64\\) val=0x[0-9a-f]*5a[0-9a-f]* @ 0x[0-9a-f]+");
    khelp_uma_zdestroy(zone);
  }
}

TEST_F(uma_debug_death, a_write_after_free_to_a_tail_shorter_than_a_word_is_found) {  // U-3
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_POISON, 67);
  auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  khelp_uma_zfree(zone, item);
  EXPECT_DEATH(
      {
        write_quietly(item + 66, 1);
        khelp_uma_zalloc(zone, KHELP_M_WAITOK);
      },
      "memory modified after free");
  khelp_uma_zdestroy(zone);
}

TEST_F(uma_debug_death, a_write_after_free_is_found_when_the_slab_goes) {
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_POISON);
  auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  khelp_uma_zfree(zone, item);
  EXPECT_DEATH(
      {
        write_quietly(item, 1);
        khelp_uma_zdestroy(zone);
      },
      "memory modified after free");
  khelp_uma_zdestroy(zone);
}

TEST_F(uma_debug, free_items_are_filled_after_the_dtor) {
  khelp_uma_set_debug(KHELP_UMA_DEBUG_POISON);
  static bool dtor_saw_its_data;
  dtor_saw_its_data = false;
  khelp_uma_zone_t zone = khelp_uma_zcreate(
      "checked", 8, nullptr,
      [](void* item, int, void*) { dtor_saw_its_data = *static_cast<char*>(item) == 'd'; }, nullptr,
      nullptr, 0, 0);
  auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  *item = 'd';
  khelp_uma_zfree(zone, item);
  EXPECT_TRUE(dtor_saw_its_data);
  for (int word : {0, 4}) {
    EXPECT_EQ(read_quietly(item + word + 0), 0xdeu);
    EXPECT_EQ(read_quietly(item + word + 1), 0xc0u);
    EXPECT_EQ(read_quietly(item + word + 2), 0xadu);
    EXPECT_EQ(read_quietly(item + word + 3), 0xdeu);
  }
  khelp_uma_zdestroy(zone);
}

TEST_F(uma_debug, zones_with_init_or_notouch_or_nofree_are_not_filled) {
  khelp_uma_set_debug(KHELP_UMA_DEBUG_POISON);
  for (std::uint32_t flag : {KHELP_UMA_ZONE_ZINIT, KHELP_UMA_ZONE_NOTOUCH, KHELP_UMA_ZONE_NOFREE}) {
    khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_POISON, 64, flag);
    auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    std::fill_n(item, 64, 'k');
    khelp_uma_zfree(zone, item);
    EXPECT_EQ(read_quietly(item), 'k') << flag;
    khelp_uma_zdestroy(zone);
  }
}

TEST_F(uma_debug, conformance_36_leaks_are_reported_with_number_and_pages) {
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_OFF);
  khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  khelp_uma_zdestroy(zone);
  EXPECT_EQ(log, std::vector<std::string>{
                     "Freed UMA keg (checked) was not empty (2 items). Lost 16 pages of memory."});
  item[3] = 'x';  // still mapped
}

__attribute__((noinline)) void* allocate_here(khelp_uma_zone_t zone) {
  // Volatile: no tail call, so that the site is in this function.
  void* volatile item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  return item;
}

TEST_F(uma_debug, leaks_are_reported_with_address_and_allocation_site) {
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_POISON);
  std::vector<void*> items;
  for (int i = 0; i < 10; ++i)
    items.push_back(allocate_here(zone));
  void* leaked = items[4];
  for (void* item : items) {
    if (item != leaked)
      khelp_uma_zfree(zone, item);
  }
  khelp_uma_zdestroy(zone);
  ASSERT_EQ(log.size(), 2u);
  EXPECT_THAT(log[0], HasSubstr("(1 items)"));
  char address[32];
  std::snprintf(address, sizeof address, "%p", leaked);
  EXPECT_THAT(log[1],
              AllOf(HasSubstr("leaked item"), HasSubstr(address), HasSubstr("allocated at 0x")));
  const auto site = std::stoull(log[1].substr(log[1].find("allocated at ") + 13), nullptr, 16);
  const auto function = reinterpret_cast<std::uintptr_t>(&allocate_here);
  EXPECT_GT(site, function);
  EXPECT_LT(site, function + 200);
}

TEST_F(uma_debug, the_level_is_that_of_the_zones_creation) {
  khelp_uma_zone_t off = zone_at(KHELP_UMA_DEBUG_OFF);
  khelp_uma_zone_t poison = zone_at(KHELP_UMA_DEBUG_POISON);
  khelp_uma_set_debug(KHELP_UMA_DEBUG_BITMAP);
  EXPECT_EQ(off->debug, KHELP_UMA_DEBUG_OFF);
  EXPECT_EQ(poison->debug, KHELP_UMA_DEBUG_POISON);
  khelp_uma_zdestroy(off);
  khelp_uma_zdestroy(poison);
}

TEST_F(uma_debug, a_ctor_that_refuses_leaves_an_item_that_passes_the_checks) {
  khelp_uma_set_debug(KHELP_UMA_DEBUG_POISON);
  khelp_uma_zone_t zone = khelp_uma_zcreate(
      "checked", 64,
      [](void* item, int size, void* arg, int) {
        std::fill_n(static_cast<char*>(item), size, 'c');
        return arg == nullptr ? 0 : 1;
      },
      nullptr, nullptr, nullptr, 0, 0);
  EXPECT_EQ(khelp_uma_zalloc_arg(zone, zone, KHELP_M_WAITOK), nullptr);
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  EXPECT_NE(item, nullptr);
  khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
  EXPECT_TRUE(log.empty());
}

#if KHELP_UNDER_ASAN
TEST_F(uma_debug_death, address_sanitizer_stops_a_read_of_a_free_item) {
  khelp_uma_zone_t zone = zone_at(KHELP_UMA_DEBUG_OFF, 60);
  auto* item = static_cast<volatile char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  item[59] = 'x';
  khelp_uma_zfree(zone, const_cast<char*>(item));
  EXPECT_DEATH((void)item[0], "use-after-poison");
  EXPECT_DEATH((void)item[59], "use-after-poison");
  khelp_uma_zdestroy(zone);
}
#endif

}  // namespace
