// Slabs in a row: mapped in one piece, given back in pieces.
#include "core/zones/uma_slab.hpp"

#include <cerrno>
#include <gtest/gtest.h>
#include <set>
#include <sys/mman.h>
#include <vector>

#include "core/zones/uma_zone.hpp"

namespace {

using namespace khelp;
using namespace khelp::uma;

bool is_mapped(const void* address) {
  unsigned char resident = 0;
  return mincore(const_cast<void*>(address), 1, &resident) == 0;
}

const slab_layout layout(64, 64, {});

TEST(uma_slab, slabs_in_a_row_are_known_as_slabs_and_have_all_their_items) {
  constexpr unsigned count = 5;
  slab* first = map_slabs(nullptr, layout, true, count);
  ASSERT_NE(first, nullptr);
  slab_unmapping gone(layout);
  for (unsigned i = 0; i < count; ++i) {
    slab& s = neighbour(*first, i);
    EXPECT_TRUE(is_in_slab(layout.item(s, 0)));
    EXPECT_EQ(&slab_of(layout.item(s, layout.items - 1)), &s);
    EXPECT_EQ(s.free_items, layout.items);
    gone.add(s);
    EXPECT_FALSE(is_in_slab(layout.item(s, 0)));
  }
}

TEST(uma_slab, slabs_go_back_in_any_order_and_those_between_them_stay) {
  ASSERT_EQ(layout.length, slab_alignment);
  constexpr unsigned count = 600;  // more than go at a time
  slab* first = map_slabs(nullptr, layout, true, count);
  ASSERT_NE(first, nullptr);
  const auto stays = [](unsigned i) { return i == 7 || i == 8 || i == 300; };
  {
    slab_unmapping gone(layout);
    for (unsigned i = 0; i < count; ++i) {
      const unsigned any = i * 7 % count;
      if (!stays(any))
        gone.add(neighbour(*first, any));
    }
  }
  slab_unmapping rest(layout);
  for (unsigned i = 0; i < count; ++i) {
    ASSERT_EQ(is_mapped(&neighbour(*first, i)), stays(i)) << i;
    if (stays(i))
      rest.add(neighbour(*first, i));
  }
}

khelp_uma_zone_t zone_of_halves(const char* name) {
  return khelp_uma_zcreate(name, 32000, nullptr, nullptr, nullptr, nullptr, KHELP_UMA_ALIGN_PTR, 0);
}

TEST(uma_slab, large_zones_grow_by_neighbours_beside_each_other_and_all_of_them_go) {
  khelp_uma_zone_t zone = zone_of_halves("row");
  khelp_uma_zone_t beside = zone_of_halves("beside");
  ASSERT_TRUE(zone != nullptr && beside != nullptr);
  std::vector<void*> items(2000);
  std::vector<void*> others(items.size());
  std::set<const slab*> slabs;
  for (std::size_t i = 0; i < items.size(); ++i) {
    ASSERT_NE(items[i] = khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
    ASSERT_NE(others[i] = khelp_uma_zalloc(beside, KHELP_M_NOWAIT), nullptr);
    slabs.insert(&slab_of(items[i]));
  }
  EXPECT_EQ(slabs.size(), items.size() / 2);
  std::size_t neighbours = 0;
  for (const slab* s : slabs)
    neighbours += slabs.count(&neighbour(*const_cast<slab*>(s), 1));
  EXPECT_GT(neighbours, slabs.size() / 2);
  for (std::size_t i = 0; i < items.size(); ++i) {
    khelp_uma_zfree(zone, items[i]);
    khelp_uma_zfree(beside, others[i]);
  }
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  for (const slab* s : slabs)
    EXPECT_FALSE(is_in_slab(s));
  khelp_uma_zdestroy(zone);
  khelp_uma_zdestroy(beside);
}

TEST(uma_slab, items_that_are_initialised_come_one_slab_at_a_time) {
  static unsigned initialised;
  initialised = 0;
  const auto count = [](void*, int, int) { return ++initialised, 0; };
  khelp_uma_zone_t zone =
      khelp_uma_zcreate("made", 32000, nullptr, nullptr, count, nullptr, KHELP_UMA_ALIGN_PTR, 0);
  ASSERT_NE(zone, nullptr);
  std::vector<void*> items(1000);
  for (void*& item : items)
    ASSERT_NE(item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
  EXPECT_LE(initialised, items.size() + 2) << "nobody makes what nobody asked for";
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
}

}  // namespace
