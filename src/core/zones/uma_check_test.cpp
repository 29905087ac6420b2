// A zone whose books are wrong stops a build that checks invariants.
#include <gtest/gtest.h>

#include <khelp/uma.h>

#include "base/assert.hpp"
#include "core/zones/uma_zone.hpp"

namespace {

class uma_check : public testing::Test {
 protected:
  void SetUp() override {
    if (!KHELP_CHECKS)
      GTEST_SKIP() << "a release build checks nothing";
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    zone = khelp_uma_zcreate("checked", 64, nullptr, nullptr, nullptr, nullptr, 0, 0);
    item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  }
  void TearDown() override {
    if (zone == nullptr)
      return;
    khelp_uma_zfree(zone, item);
    khelp_uma_zdestroy(zone);
  }
  khelp_uma_zone_t zone = nullptr;
  void* item = nullptr;
};

TEST_F(uma_check, a_zone_at_work_keeps_its_books) {
  khelp::lock_guard held(zone->lock);
  zone->check_invariants();
}

TEST_F(uma_check, an_item_too_few_in_out_stops_at_the_next_look) {
  EXPECT_DEATH(
      {
        khelp::lock_guard held(zone->lock);
        zone->out = 0;
        zone->check_counts();
      },
      "check_counts.*<= out");
}

TEST_F(uma_check, a_slab_that_miscounts_its_free_items_stops_the_walk) {
  EXPECT_DEATH(
      {
        khelp::lock_guard held(zone->lock);
        --khelp::uma::slab_of(item).free_items;
        zone->check_invariants();
      },
      "check_invariants.*bits == s->free_items");
}

}  // namespace
