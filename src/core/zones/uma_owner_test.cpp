// Items' owners, and the walk over the items that have an owner.
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/zones/uma.hpp"

namespace {

using namespace khelp;

khelp_uma_zone_t owner_zone(std::size_t size = 100) {
  return khelp_uma_zcreate("owned", size, nullptr, nullptr, nullptr, nullptr, 0,
                           KHELP_UMA_ZONE_OWNER);
}

const uma::owner somebody{1, &somebody};

// Different in all three parts that a place keeps.
uma::owner number(std::uintptr_t i) {
  return {static_cast<unsigned>(i % 3 + 1), reinterpret_cast<const void*>(i << 36 | i << 3)};
}

std::set<void*> owned_items(khelp_uma_zone_t zone) {
  std::set<void*> items;
  uma::for_each_owned(
      zone,
      [](void* arg, void* item, uma::owner_place) {
        static_cast<std::set<void*>*>(arg)->insert(item);
      },
      &items);
  return items;
}

TEST(uma_owner, there_is_none_until_one_is_stored_and_each_item_has_its_own) {
  khelp_uma_zone_t zone = owner_zone();
  std::vector<void*> items;
  for (std::uintptr_t i = 0; i < 3000; ++i) {
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    EXPECT_EQ(uma::owner_of(zone, items.back()).load(), uma::owner());
    uma::owner_of(zone, items.back()).store(number(i));
    std::fill_n(static_cast<char*>(items.back()), 100, 'x');
  }
  for (std::uintptr_t i = 0; i < 3000; ++i) {
    EXPECT_EQ(uma::owner_of(zone, items[i]).load(), number(i));
    uma::owner_of(zone, items[i]).clear();
    khelp_uma_zfree(zone, items[i]);
  }
  khelp_uma_zdestroy(zone);
}

TEST(uma_owner, a_mark_changes_without_the_address) {
  khelp_uma_zone_t zone = owner_zone(1);
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  uma::owner_place place = uma::owner_of(zone, item);
  place.store({1, item});
  EXPECT_EQ(place.load(), (uma::owner{1, item})) << "items with an owner may own others";
  place.change_mark(3);
  EXPECT_EQ(place.load(), (uma::owner{3, item}));
  place.clear();
  EXPECT_TRUE(place.is_nobody());
  khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
}

TEST(uma_owner, addresses_are_multiples_of_8_below_2_to_the_49) {
  const auto can_hold = [](std::uintptr_t number) {
    return uma::owner_place::can_hold(reinterpret_cast<const void*>(number));
  };
  EXPECT_TRUE(can_hold(8));
  EXPECT_TRUE(can_hold((std::uintptr_t{1} << 49) - 8));
  EXPECT_FALSE(can_hold(std::uintptr_t{1} << 49));
  EXPECT_FALSE(can_hold(12));
}

TEST(uma_owner, the_walk_shows_the_items_with_an_owner_and_no_others) {
  khelp_uma_zone_t zone = owner_zone();
  std::vector<void*> items;
  std::set<void*> owned;
  for (int i = 0; i < 2000; ++i) {
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    if (i % 7 == 0) {
      uma::owner_of(zone, items.back()).store(somebody);
      owned.insert(items.back());
    }
  }
  EXPECT_EQ(owned_items(zone), owned);
  for (void* item : items) {
    uma::owner_of(zone, item).clear();
    khelp_uma_zfree(zone, item);
  }
  EXPECT_TRUE(owned_items(zone).empty());
  khelp_uma_zdestroy(zone);
}

TEST(uma_owner, the_walk_may_free_what_it_is_shown_and_may_be_left_by_an_exception) {
  khelp_uma_zone_t zone = owner_zone(5000);
  for (int i = 0; i < 100; ++i)
    uma::owner_of(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK)).store(somebody);
  struct state {
    khelp_uma_zone_t zone;
    int freed = 0;
  } s{zone};
  const auto free_it = [](void* arg, void* item, uma::owner_place owner) {
    auto& now = *static_cast<state*>(arg);
    if (++now.freed == 50)
      throw std::runtime_error("enough");
    owner.clear();
    khelp_uma_zfree(now.zone, item);
    khelp_uma_zone_reclaim(now.zone, KHELP_UMA_RECLAIM_DRAIN_CPU);  // slabs stay meanwhile
  };
  EXPECT_THROW(uma::for_each_owned(zone, free_it, &s), std::runtime_error);
  EXPECT_EQ(owned_items(zone).size(), 51u);
  uma::for_each_owned(zone, free_it, &s);
  EXPECT_EQ(s.freed, 101);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_owner, places_can_be_added_before_the_first_slab_and_not_after_but_stay) {
  khelp_uma_zone_t zone = khelp_uma_zcreate("late", 64, nullptr, nullptr, nullptr, nullptr, 0, 0);
  EXPECT_TRUE(uma::add_owners(zone));
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  uma::owner_of(zone, item).store(somebody);
  EXPECT_EQ(owned_items(zone), std::set<void*>{item});
  uma::owner_of(zone, item).clear();
  khelp_uma_zfree(zone, item);
  EXPECT_TRUE(uma::add_owners(zone)) << "they are there";
  khelp_uma_zdestroy(zone);

  zone = khelp_uma_zcreate("too_late", 64, nullptr, nullptr, nullptr, nullptr, 0, 0);
  khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  EXPECT_FALSE(uma::add_owners(zone));
  khelp_uma_zdestroy(zone);
}

TEST(uma_owner, a_zone_serves_one_at_a_time) {
  khelp_uma_zone_t zone = owner_zone();
  int first = 0;
  int second = 0;
  EXPECT_EQ(uma::served_by(zone), nullptr);
  EXPECT_TRUE(uma::serve(zone, &first));
  EXPECT_FALSE(uma::serve(zone, &second));
  EXPECT_EQ(uma::served_by(zone), &first);
  uma::stop_serving(zone);
  EXPECT_TRUE(uma::serve(zone, &second));
  khelp_uma_zdestroy(zone);
}

TEST(uma_owner, the_walk_goes_on_while_items_come_and_go) {
  khelp_uma_zone_t zone = owner_zone();
  void* stays = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  uma::owner_of(zone, stays).store(somebody);
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    std::vector<void*> items(1500);
    while (!stop) {
      for (void*& item : items) {
        item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
        uma::owner_of(zone, item).store(somebody);
      }
      for (void* item : items) {
        uma::owner_of(zone, item).clear();
        khelp_uma_zfree(zone, item);
      }
      khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
    }
  });
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(owned_items(zone).contains(stays));
  stop = true;
  churn.join();
  uma::owner_of(zone, stays).clear();
  khelp_uma_zfree(zone, stays);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

}  // namespace
