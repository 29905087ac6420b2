// Objects whose data ends without calling anybody: where their destroy goes its straight line, and
// where it cannot.
#include "core/attachment.hpp"

#include <array>
#include <gtest/gtest.h>
#include <vector>

#include <khelp/khelp.h>

#include "core/helper_registry.hpp"
#include "core/osd_stripe.hpp"

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

}  // namespace
