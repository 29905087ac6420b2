// A point's name and its numbers mean the same point.
#include <cerrno>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/log.h>

namespace {

constexpr std::int32_t type = KHELP_HHOOK_TYPE_APP + 900;

int count(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++*static_cast<int*>(udata);
  return 0;
}

// A point with numbers of its own and a name.
class numbered_point {
 public:
  numbered_point(std::int32_t id, const char* name) {
    khelp_hhook_head_x x{};
    x.size = sizeof x;
    x.name = name;
    EXPECT_EQ(khelp_hhook_head_register_x(type, id, nullptr, &head_, &x), 0)
        << khelp_failure_text();
  }
  numbered_point(const numbered_point&) = delete;
  numbered_point& operator=(const numbered_point&) = delete;
  ~numbered_point() { EXPECT_EQ(khelp_hhook_head_deregister(head_), 0); }
  void run() { khelp_hhooks_run_if(head_, nullptr, nullptr); }

 private:
  khelp_hhook_head* head_ = nullptr;
};

khelp_hookinfo_x named_hook(const char* point, int& calls) {
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.point = point;
  hook.hook.hook_func = count;
  hook.hook.hook_udata = &calls;
  return hook;
}

// A helper with one hook, as long as it lives.
class one_hook {
 public:
  one_hook(const char* name, const khelp_hookinfo_x& hook, std::uint32_t flags = 0) : hook_(hook) {
    khelp_helper_x x{};
    x.size = sizeof x;
    x.version = 1;
    x.name = name;
    x.flags = flags;
    x.hooks = &hook_;
    x.nhooks = 1;
    error_ = khelp_helper_register(&x, &id_);
    words_ = error_ != 0 ? khelp_failure_text() : "";
  }
  one_hook(const one_hook&) = delete;
  one_hook& operator=(const one_hook&) = delete;
  ~one_hook() {
    if (error_ == 0) {
      EXPECT_EQ(khelp_helper_unregister(id_, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
    }
  }
  int error() const { return error_; }
  const std::string& words() const { return words_; }

 private:
  khelp_hookinfo_x hook_;
  std::int32_t id_ = 0;
  int error_;
  std::string words_;
};

// What is logged while it lives.
class log_lines {
 public:
  log_lines() {
    khelp_log_set_sink(
        [](void* to, int, const char* line) {
          static_cast<log_lines*>(to)->lines_.emplace_back(line);
        },
        this);
  }
  log_lines(const log_lines&) = delete;
  log_lines& operator=(const log_lines&) = delete;
  ~log_lines() { khelp_log_set_sink(nullptr, nullptr); }
  bool tell(const std::string& words) const {
    for (const std::string& line : lines_) {
      if (line.find(words) != std::string::npos)
        return true;
    }
    return false;
  }

 private:
  std::vector<std::string> lines_;
};

TEST(point_names, a_numbered_point_is_found_by_its_name) {
  numbered_point point(1, "names.found");
  int calls = 0;
  const one_hook helper("named", named_hook("names.found", calls));
  point.run();
  EXPECT_EQ(calls, 1);
}

TEST(point_names, a_hook_that_asked_for_the_name_first_is_called_when_the_numbered_point_comes) {
  int calls = 0;
  const one_hook helper("named", named_hook("names.late", calls));
  {
    numbered_point point(2, "names.late");
    point.run();
    EXPECT_EQ(calls, 1);
  }
  numbered_point again(2, "names.late");
  again.run();
  EXPECT_EQ(calls, 2) << "the hook waits for the point to come back";
}

TEST(point_names, a_pair_that_was_made_for_the_name_goes_on_to_mean_the_point) {
  khelp_hookinfo hook{};
  int calls = 0;
  hook.hook_func = count;
  hook.hook_udata = &calls;
  ASSERT_EQ(khelp_hhook_name("names.pair", &hook.hook_type, &hook.hook_id), 0);
  EXPECT_EQ(hook.hook_type, KHELP_HHOOK_TYPE_NAMED);
  numbered_point point(3, "names.pair");
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&hook, KHELP_HHOOK_STRICT), 0) << khelp_failure_text();
  point.run();
  EXPECT_EQ(calls, 1);
  khelp_hhook_head* found = khelp_hhook_head_get(hook.hook_type, hook.hook_id);
  EXPECT_NE(found, nullptr);
  khelp_hhook_head_release(found);
  std::uint32_t removed = 0;
  EXPECT_EQ(khelp_hhook_remove_hook_x(&hook, &removed), 0);
  EXPECT_EQ(removed, 1u);
  point.run();
  EXPECT_EQ(calls, 1);
  std::int32_t now_type = 0;
  std::int32_t now_id = 0;
  ASSERT_EQ(khelp_hhook_name("names.pair", &now_type, &now_id), 0);
  EXPECT_EQ(now_type, type);
  EXPECT_EQ(now_id, 3);
}

TEST(point_names, the_first_point_keeps_the_name_and_the_second_is_told) {
  numbered_point first(4, "names.twice");
  const log_lines log;
  numbered_point second(5, "names.twice");
  EXPECT_TRUE(log.tell("another point has the name 'names.twice'"));
  int calls = 0;
  const one_hook helper("named", named_hook("names.twice", calls));
  second.run();
  EXPECT_EQ(calls, 0);
  first.run();
  EXPECT_EQ(calls, 1);
}

TEST(point_names, a_hook_that_asks_by_name_and_by_number_is_called_once) {
  int calls = 0;
  const one_hook by_name("by_name", named_hook("names.both", calls));
  khelp_hookinfo_x hook = named_hook(nullptr, calls);
  hook.hook.hook_type = type;
  hook.hook.hook_id = 6;
  const one_hook by_number("by_number", hook);
  const log_lines log;
  numbered_point point(6, "names.both");
  EXPECT_TRUE(log.tell("hooks it by name and by number"));
  point.run();
  EXPECT_EQ(calls, 1);
}

TEST(point_names, a_hook_at_a_name_that_nobody_registered_is_told_at_load) {
  const log_lines log;
  int calls = 0;
  const one_hook helper("mistyped", named_hook("names.mistyqed", calls));
  EXPECT_EQ(helper.error(), 0);
  EXPECT_TRUE(log.tell("helper 'mistyped': no point 'names.mistyqed' is registered"));
}

TEST(point_names, a_helper_may_have_it_refused) {
  int calls = 0;
  const one_hook helper("strict", named_hook("names.nowhere", calls), KHELP_HELPER_POINTS_EXIST);
  EXPECT_EQ(helper.error(), ENOENT);
  EXPECT_NE(helper.words().find("no point 'names.nowhere' is registered"), std::string::npos)
      << helper.words();
  numbered_point point(7, "names.there");
  const one_hook there("strict", named_hook("names.there", calls), KHELP_HELPER_POINTS_EXIST);
  EXPECT_EQ(there.error(), 0) << there.words();
}

}  // namespace
