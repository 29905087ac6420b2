// Objects that come and go on many threads while one of their helpers does, and forks in between.
#include <cstdlib>
#include <mutex>
#include <thread>

#include "rig.hpp"

using namespace stress;

namespace {

constexpr std::size_t objects_of_a_thread = 64;

// Objects that one thread gives data to and takes it from, in no order, until told to stop.
class owner {
 public:
  explicit owner(unsigned seed) : thread_([this, seed] { run(seed); }) {}
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() {
    stop_ = true;
    thread_.join();
    destroy_all();
  }
  void destroy_all() {
    for (khelp_osd& object : objects_)
      khelp_destroy_osd(&object);
  }

 private:
  void run(unsigned seed) {
    while (!stop_) {
      seed = seed * 1664525 + 1013904223;
      khelp_osd& object = objects_[(seed >> 16) % objects_of_a_thread];
      if (object.osd_state == 0)
        EXPECT_EQ(khelp_init_osd(object_class, &object), 0) << khelp_failure_text();
      else
        khelp_destroy_osd(&object);
    }
  }

  khelp_osd objects_[objects_of_a_thread]{};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::unique_ptr<owner> owners[3];
declared* stays;
declared* comes_and_goes;

// Every item is its object's or nobody's, and so counted: a helper goes when the objects are gone.
void destroy_all_and_unload() {
  for (auto& each : owners)
    each->destroy_all();
  demand(stat_of_helper(stays->name).attached == 0, "nobody holds data");
  demand(stays->unload() == 0, "unloads, as nobody holds its data");
  demand(comes_and_goes->unload(KHELP_UNLOAD_REVOKE) == 0, "revokes");
}

void churn(bool forks) {
  declared first("stays", KHELP_HELPER_NEEDS_OSD, 16);
  declared second("comes and goes", KHELP_HELPER_NEEDS_OSD, 8);
  stays = &first;
  comes_and_goes = &second;
  ASSERT_EQ(first.load(), 0);
  ASSERT_EQ(second.load(), 0);
  unsigned seed = 0;
  for (auto& each : owners)
    each = std::make_unique<owner>(++seed);
  const auto end = std::chrono::steady_clock::now() + budget(std::chrono::seconds(2));
  while (std::chrono::steady_clock::now() < end && !testing::Test::HasFailure()) {
    if (forks) {
      EXPECT_EQ(in_child(destroy_all_and_unload), 0);
      continue;
    }
    EXPECT_EQ(second.unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text();
    EXPECT_EQ(second.load(), 0) << khelp_failure_text();
  }
  for (auto& each : owners)
    each.reset();
  EXPECT_EQ(stat_of_helper(first.name).attached, 0u);
  EXPECT_EQ(first.unload(), 0) << khelp_failure_text();
  EXPECT_EQ(second.unload(), 0) << khelp_failure_text();
}

}  // namespace

TEST(objects, come_and_go_while_a_helper_is_revoked_again_and_again) {
  churn(false);
}

TEST(objects, come_and_go_while_the_process_forks_and_a_child_counts_them_right) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  churn(true);
}
