#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <vector>

#include <khelp/instance.hpp>

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> notes;

struct counter {
  counter() { notes.push_back("made in " + std::to_string(khelp_vnet_current()->vnet_serial)); }
  ~counter() { notes.push_back("ended in " + std::to_string(khelp_vnet_current()->vnet_serial)); }
  std::string words = "none";
};

void second() {
  notes.emplace_back("second");
}
void first() {
  notes.emplace_back("first");
}
void last() {
  notes.emplace_back("last");
}
void in_each() {
  notes.push_back("begin " + std::to_string(khelp_vnet_current()->vnet_serial));
}
void at_each_end() {
  notes.push_back("end " + std::to_string(khelp_vnet_current()->vnet_serial));
}

}  // namespace

KHELP_ON_START(khelp::on_start<second>({KHELP_SI_SUB_KLD, 2}));
KHELP_ON_START(khelp::on_start<first>({KHELP_SI_SUB_KLD, 1}));
KHELP_ON_STOP(khelp::on_start<last>());
KHELP_ON_INSTANCE(khelp::on_instance_start<in_each>());
KHELP_ON_INSTANCE(khelp::on_instance_end<at_each_end>());

TEST(instance_hpp, one_ends_with_its_owner) {
  std::uint64_t serial = 0;
  {
    auto made = khelp::instance::create();
    ASSERT_TRUE(made) << made.error().detail;
    serial = made->serial();
    khelp::instance moved = std::move(*made);
    EXPECT_EQ(moved.serial(), serial);
    std::vector<std::uint64_t> all;
    khelp::for_each_instance([&](khelp::instance_ref each) { all.push_back(each.serial()); });
    EXPECT_THAT(all, ElementsAre(1, serial));
    {
      const khelp::in_instance here(moved);
      EXPECT_EQ(khelp_vnet_current(), moved.get());
    }
    EXPECT_EQ(khelp_vnet_current(), nullptr);
  }
  EXPECT_EQ(khelp_vnet_next(khelp_vnet_default()), nullptr);
}

TEST(instance_hpp, a_local_is_made_and_ended_in_each) {
  notes.clear();
  auto older = khelp::instance::create();
  ASSERT_TRUE(older);
  const std::string number = std::to_string(older->serial());
  {
    khelp::instance_local<counter> local;
    ASSERT_TRUE(local.open());
    EXPECT_THAT(notes, ElementsAre("made in 1", "made in " + number));
    auto younger = khelp::instance::create();
    ASSERT_TRUE(younger);
    local.value(*older).words = "older";
    const khelp::in_instance here(*younger);
    EXPECT_EQ(local->words, "none");
    (*local).words = "younger, and much too long for a small string";
    EXPECT_EQ(local.value(*older).words, "older");
    notes.clear();
  }
  EXPECT_THAT(notes, testing::SizeIs(3)) << "the younger's at its end, the others' with the local";
  notes.clear();
  EXPECT_TRUE(older->end());
  EXPECT_TRUE(notes.empty());
}

TEST(instance_hpp, a_local_whose_type_throws_is_in_none) {
  struct throwing {
    throwing() {
      if (khelp_vnet_current() != khelp_vnet_default())
        throw std::runtime_error("not in this one");
      notes.emplace_back("made");
    }
    ~throwing() { notes.emplace_back("ended"); }
  };
  auto other = khelp::instance::create();
  ASSERT_TRUE(other);
  notes.clear();
  khelp::instance_local<throwing> local;
  auto opened = local.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ECANCELED);
  EXPECT_THAT(opened.error().detail, HasSubstr("not in this one"));
  EXPECT_THAT(notes, ElementsAre("made", "ended"));
}

TEST(instance_hpp, what_was_made_is_ended_when_another_local_throws) {
  struct throwing {
    throwing() {
      if (khelp_vnet_current() != khelp_vnet_default())
        throw std::runtime_error("not in this one");
    }
  };
  khelp::instance_local<counter> first;
  khelp::instance_local<throwing> second;
  ASSERT_TRUE(first.open());
  ASSERT_TRUE(second.open());
  notes.clear();
  auto refused = khelp::instance::create();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ECANCELED);
  ASSERT_THAT(notes, testing::SizeIs(2));
  EXPECT_THAT(notes[0], HasSubstr("made in"));
  EXPECT_THAT(notes[1], HasSubstr("ended in"));
}

TEST(instance_hpp, a_local_opens_once) {
  khelp::instance_local<counter> local;
  ASSERT_TRUE(local.open());
  local.value(khelp::instance_ref::by_default()).words = "kept";
  notes.clear();
  auto again = local.open();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, EEXIST);
  EXPECT_THAT(notes, testing::IsEmpty());
  EXPECT_EQ(local.value(khelp::instance_ref::by_default()).words, "kept");
}

TEST(instance_hpp, a_creation_that_is_refused_says_why) {
  khelp_vnet_list_lock();
  auto refused = khelp::instance::create();
  khelp_vnet_list_unlock();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EDEADLK);
}

TEST(instance_hpp, a_file_says_what_runs_at_its_start_and_end) {
  notes.clear();
  ASSERT_EQ(khelp_program_start(), 0) << khelp_failure_text();
  EXPECT_THAT(notes, ElementsAre("first", "second", "begin 1"));
  notes.clear();
  {
    auto made = khelp::instance::create();
    ASSERT_TRUE(made);
    const std::string number = std::to_string(made->serial());
    EXPECT_THAT(notes, ElementsAre("begin " + number));
    EXPECT_TRUE(made->end());
    EXPECT_THAT(notes, ElementsAre("begin " + number, "end " + number));
  }
  notes.clear();
  EXPECT_EQ(khelp_program_stop(), 0);
  EXPECT_THAT(notes, ElementsAre("end 1", "last"));
}

TEST(instance_hpp, a_helper_is_limited_and_let_go) {
  auto one = khelp::instance::create();
  ASSERT_TRUE(one);
  EXPECT_TRUE(khelp::limit_helper("anybody", {*one, khelp::instance_ref::by_default()}));
  EXPECT_TRUE(khelp::limit_helper("anybody", {}));
  EXPECT_TRUE(khelp::unlimit_helper("anybody"));
  EXPECT_EQ(khelp::limit_helper("", {}).error().code, EINVAL);
}
