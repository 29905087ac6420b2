// The loader through the contract, as a program sees it.

#include "test_modules/loader_test.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <latch>
#include <link.h>
#include <mutex>
#include <optional>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::mutex notes_mutex;
std::vector<std::string> notes;
std::string veto;
// Called with each note, by the thread that makes it.
void (*on_note)(const std::string& words) = nullptr;

}  // namespace

extern "C" __attribute__((visibility("default"))) void loader_test_note(const char* words) {
  {
    std::lock_guard held(notes_mutex);
    notes.emplace_back(words);
  }
  if (on_note != nullptr)
    on_note(words);
}
extern "C" __attribute__((visibility("default"))) const char* loader_test_veto() {
  return veto.c_str();
}

namespace {

struct shown {
  std::int32_t id;
  std::string name;
  std::uint32_t state;
  std::uint32_t version;
  std::uint32_t references;
  bool permanent;
  std::uint64_t base;
  std::uint64_t bytes;
  std::string file;
  std::string reason;
  std::int32_t helper;
};

std::vector<shown> listed() {
  std::vector<shown> all;
  const auto add = [](void* to, const khelp_module_info* i) {
    static_cast<std::vector<shown>*>(to)->push_back({i->id, i->name, i->state, i->version,
                                                     i->references, i->permanent != 0, i->base,
                                                     i->bytes, i->file, i->reason, i->helper});
  };
  EXPECT_EQ(khelp_modules(add, &all), 0);
  return all;
}

std::optional<shown> listed(std::int32_t id) {
  for (shown& line : listed()) {
    if (line.id == id)
      return line;
  }
  return std::nullopt;
}

/// What is there of files that are neither gone nor zombies.
std::vector<std::string> present() {
  std::vector<std::string> names;
  for (const shown& line : listed()) {
    if (line.state != KHELP_MODULE_DEAD && line.state != KHELP_MODULE_ZOMBIE)
      names.push_back(line.name);
  }
  return names;
}

std::string maps() {
  std::ifstream in("/proc/self/maps");
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The point that the test modules hook.
class test_point {
 public:
  test_point() { EXPECT_TRUE(point_.open()) << khelp_failure_text(); }

  /// Run the hooks; `inside` is called by each of them. How much they counted.
  int run(void (*inside)() = nullptr, khelp_osd* object = nullptr) {
    loader_test::event e;
    e.inside = inside;
    point_(e, object);
    return e.calls;
  }

 private:
  khelp::hook_point<loader_test::event> point_{loader_test::point};
};

class loader : public testing::Test {
 protected:
  static void SetUpTestSuite() { setenv("KHELP_MODULE_PATH", KHELP_TEST_MODULES, 1); }

  void SetUp() override {
    khelp_reap();
    listed();  // DEAD files are listed once
    notes.clear();
    veto.clear();
    on_note = nullptr;
  }
  void TearDown() override { EXPECT_THAT(present(), IsEmpty()) << "still loaded"; }

  static std::int32_t load(const char* name) {
    std::int32_t id = -1;
    EXPECT_EQ(khelp_load(name, nullptr, &id), 0) << khelp_failure_text();
    return id;
  }

  static int load_with(const char* name, std::vector<khelp_load_param> params, std::int32_t* id,
                       std::uint32_t flags = 0) {
    khelp_load_options options{};
    options.size = sizeof options;
    options.flags = flags;
    options.params = params.data();
    options.nparams = static_cast<std::uint32_t>(params.size());
    return khelp_load(name, &options, id);
  }

  static void unload(std::int32_t id) {
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  }

  static std::string refused(const char* name, int code) {
    std::int32_t id = -1;
    EXPECT_EQ(khelp_load(name, nullptr, &id), code) << khelp_failure_text();
    const std::string words = khelp_failure_text();
    EXPECT_EQ(id, -1);
    return words;
  }
};

// ---- finding and mapping

TEST_F(loader, a_helper_is_found_by_its_name_and_leaves_nothing_mapped) {
  const std::int32_t id = load("counter");
  EXPECT_THAT(notes, ElementsAre("counter init"));
  EXPECT_THAT(maps(), HasSubstr("khelp:counter@3"));
  EXPECT_EQ(khelp_module_find("counter"), id);
  test_point point;
  EXPECT_EQ(point.run(), 1);
  unload(id);
  EXPECT_EQ(point.run(), 0);
  EXPECT_THAT(notes, ElementsAre("counter init", "counter destroy"));
  EXPECT_THAT(maps(), Not(HasSubstr("khelp:counter")));
  EXPECT_EQ(khelp_module_find("counter"), -1);
}

TEST_F(loader, a_helper_is_given_by_its_file) {
  unload(load(KHELP_TEST_MODULES "/counter.so"));
}

TEST_F(loader, an_unknown_name_is_answered_with_the_folders_that_were_searched) {
  EXPECT_THAT(refused("nobody_at_all", ENOENT), HasSubstr(KHELP_TEST_MODULES));
  EXPECT_THAT(refused("./nobody.so", ENOENT), HasSubstr("./nobody.so: No such file"));
}

TEST_F(loader, the_path_in_the_options_comes_first) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("khelp-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  std::filesystem::copy_file(KHELP_TEST_MODULES "/counter_again.so", folder / "counter.so");
  khelp_load_options options{};
  options.size = sizeof options;
  options.module_path = folder.c_str();
  std::int32_t id = -1;
  ASSERT_EQ(khelp_load("counter", &options, &id), 0) << khelp_failure_text();
  EXPECT_EQ(listed(id)->version, 4U);
  EXPECT_EQ(listed(id)->file, folder / "counter.so");
  unload(id);
  std::filesystem::remove_all(folder);
}

TEST_F(loader, debug_maps_the_file_itself) {
  std::int32_t id = -1;
  ASSERT_EQ(load_with("counter", {}, &id, KHELP_LOAD_DEBUG), 0) << khelp_failure_text();
  EXPECT_THAT(maps(), HasSubstr("/test_modules/counter.so"));
  unload(id);
  EXPECT_THAT(maps(), Not(HasSubstr("/test_modules/counter.so")));
}

TEST_F(loader, a_file_replaced_on_disk_is_loaded_anew) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("khelp-" + std::to_string(getpid()) + "-replaced.so");
  for (int round = 0; round < 50; round++) {
    const char* source = round % 2 == 0 ? "/counter.so" : "/counter_again.so";
    std::filesystem::copy_file(std::string(KHELP_TEST_MODULES) + source, file,
                               std::filesystem::copy_options::overwrite_existing);
    const std::int32_t id = load(file.c_str());
    EXPECT_EQ(listed(id)->version, round % 2 == 0 ? 3U : 4U);
    unload(id);
  }
  std::filesystem::remove(file);
}

TEST_F(loader, a_file_overwritten_while_it_is_loaded_harms_nobody) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("khelp-" + std::to_string(getpid()) + "-overwritten.so");
  std::filesystem::copy_file(KHELP_TEST_MODULES "/counter.so", file);
  const std::int32_t id = load(file.c_str());
  std::filesystem::resize_file(file, 0);
  unload(id);
  EXPECT_THAT(notes, ElementsAre("counter init", "counter destroy"));
  std::filesystem::remove(file);
}

// ---- what is refused

TEST_F(loader, a_file_that_is_no_helper_is_refused_with_the_reason) {
  EXPECT_THAT(refused("/proc/self/exe", ENOEXEC), HasSubstr("it is a program"));
  EXPECT_THAT(refused(KHELP_SOURCE_DIR "/README.md", ENOEXEC), HasSubstr("not an ELF file"));
  EXPECT_THAT(refused(KHELP_SOURCE_DIR "/", ENOEXEC), HasSubstr("not a regular file"));
  EXPECT_THAT(refused("/dev/null", ENOEXEC), HasSubstr("not a regular file"));
}

TEST_F(loader, a_module_that_is_loaded_is_not_loaded_again) {
  const std::int32_t id = load("counter");
  EXPECT_THAT(refused("counter", EEXIST), HasSubstr("'counter' is loaded already"));
  EXPECT_THAT(refused("counter_again", EEXIST), HasSubstr("'counter' is loaded already"));
  unload(id);
}

TEST_F(loader, a_module_compiled_against_another_layout_is_refused) {
  using traits = khelp::event_traits<loader_test::event>;
  ASSERT_EQ(khelp_event_declare_fields(&traits::fields.table), 0);
  EXPECT_THAT(
      refused("other_layout", ENOEXEC),
      HasSubstr("another layout of 'loader_test::event': field 'calls' is at offset 8 there "
                "and 0 here; field 'inside' is at offset 16 there and 8 here; the struct has "
                "24 bytes there and 16 here: compile it again with this program's header"));
  unload(load("counter"));
}

TEST_F(loader, a_failed_init_leaves_nothing_behind_and_gives_its_own_error) {
  refused("failing", EIO);
  EXPECT_THAT(notes, ElementsAre("counter init", "failing init", "counter destroy"))
      << "what was loaded for it goes too";
  EXPECT_THAT(present(), IsEmpty());
  EXPECT_THAT(maps(), Not(HasSubstr("khelp:failing")));
  EXPECT_THAT(maps(), Not(HasSubstr("khelp:counter")));
}

TEST_F(loader, an_init_that_throws_refuses_the_load) {
  EXPECT_THAT(refused("throwing", ECANCELED), HasSubstr("init is no good"));
  EXPECT_THAT(present(), IsEmpty());
}

// ---- parameters

TEST_F(loader, parameters_reach_the_helper) {
  test_point point;
  std::int32_t id = -1;
  ASSERT_EQ(load_with("counter", {{"step", "5"}}, &id), 0) << khelp_failure_text();
  EXPECT_EQ(point.run(), 5);
  unload(id);
  unload(load("counter"));
  EXPECT_EQ(point.run(), 0);
}

TEST_F(loader, a_parameter_that_is_no_good_refuses_the_load) {
  std::int32_t id = -1;
  EXPECT_EQ(load_with("counter", {{"step", "-1"}}, &id), EINVAL);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("step=-1"));
  EXPECT_EQ(load_with("counter", {{"stride", "1"}}, &id), EINVAL);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("no parameter 'stride'"));
  EXPECT_EQ(load_with("counter", {{"step", "throw"}}, &id), ECANCELED);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("no such step"));
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_THAT(present(), IsEmpty());
}

// ---- dependencies

TEST_F(loader, dependencies_are_loaded_first_and_go_with_the_last_who_needs_them) {
  const std::int32_t id = load("user_of_user");
  EXPECT_THAT(notes, ElementsAre("counter init", "user init", "user_of_user init"));
  EXPECT_EQ(listed(khelp_module_find("counter"))->references, 1U) << "user alone holds it";
  notes.clear();
  unload(id);
  EXPECT_THAT(notes, ElementsAre("user_of_user destroy", "user destroy", "counter destroy"));
}

TEST_F(loader, a_dependency_that_somebody_loaded_stays) {
  const std::int32_t counter = load("counter");
  const std::int32_t user = load("user");
  EXPECT_EQ(khelp_unload(counter, KHELP_UNLOAD_REVOKE, 0), EBUSY);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("counter is needed by user"));
  unload(user);
  EXPECT_EQ(khelp_module_find("counter"), counter);
  unload(counter);
}

TEST_F(loader, a_dependency_in_no_fitting_version_refuses_the_load) {
  const std::int32_t counter = load("counter");
  EXPECT_THAT(refused("too_new", ENOENT), HasSubstr("version 8 to 9; version 3 is loaded"));
  unload(counter);
  EXPECT_THAT(refused("too_new", ENOENT), HasSubstr("counter.so does not offer that"));
  EXPECT_THAT(refused("orphan", ENOENT), HasSubstr("it needs 'nobody' version 1"));
  EXPECT_THAT(refused("ring_a", ENOENT), HasSubstr("which needs it in turn"));
}

TEST_F(loader, an_init_may_load_what_it_needs) {
  const std::int32_t id = load("nesting");
  EXPECT_THAT(notes, ElementsAre("nesting init", "counter init"));
  unload(khelp_module_find("counter"));
  unload(id);
}

// ---- what cannot be unmapped

TEST_F(loader, what_the_linker_keeps_is_a_zombie_and_says_why) {
  const std::int32_t id = load("permanent");
  EXPECT_TRUE(listed(id)->permanent);
  unload(id);
  ASSERT_TRUE(listed(id).has_value());
  EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
  EXPECT_THAT(listed(id)->reason, HasSubstr("DF_1_NODELETE"));
  EXPECT_THAT(maps(), HasSubstr("khelp:permanent@1"));
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), EALREADY);
  unload(load("permanent"));  // its name is free
}

TEST_F(loader, a_dead_file_is_listed_once) {
  const std::int32_t id = load("counter");
  unload(id);
  const auto dead = listed(id);
  ASSERT_TRUE(dead.has_value());
  EXPECT_EQ(dead->references, 0U) << "nobody holds it";
  EXPECT_FALSE(listed(id).has_value());
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), ENOENT);
}

TEST_F(loader, the_listing_tells_base_size_and_file) {
  const std::int32_t id = load("counter");
  const shown line = *listed(id);
  EXPECT_EQ(line.name, "counter");
  EXPECT_EQ(line.version, 3U);
  EXPECT_EQ(line.file, KHELP_TEST_MODULES "/counter.so");
  EXPECT_EQ(line.state, static_cast<std::uint32_t>(KHELP_MODULE_LIVE));
  EXPECT_EQ(line.references, 1U);
  EXPECT_GT(line.helper, 0);
  char range[64];
  std::snprintf(range, sizeof range, "%lx-", static_cast<unsigned long>(line.base));
  EXPECT_THAT(maps(), HasSubstr(range));
  EXPECT_GE(line.bytes, 4096U);
  unload(id);
}

// ---- hooks and objects

TEST_F(loader, nothing_is_loaded_and_nothing_waited_for_inside_a_hook) {
  test_point point;
  static std::int32_t id;
  id = load("counter");
  point.run([] {
    EXPECT_EQ(khelp_load("stateful", nullptr, nullptr), EDEADLK);
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_WAIT, -1), EDEADLK);
  });
  EXPECT_EQ(point.run(), 1) << "the refused unload changed nothing";
  unload(id);
}

TEST_F(loader, a_helper_that_unloads_itself_is_gone_when_its_hook_has_left) {
  test_point point;
  static std::int32_t id;
  id = load("counter");
  point.run([] {
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
    EXPECT_EQ(khelp_reap(), 0) << "does nothing inside a hook";
    EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_GOING));
  });
  EXPECT_EQ(point.run(), 0);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_THAT(notes, ElementsAre("counter init", "counter destroy"));
  EXPECT_THAT(maps(), Not(HasSubstr("khelp:counter")));
}

TEST_F(loader, an_unload_waits_until_its_hook_has_left) {
  test_point point;
  const std::int32_t id = load("counter");
  static std::latch* inside;
  static std::latch* leave;
  std::latch entered(1);
  std::latch left(1);
  inside = &entered;
  leave = &left;
  std::thread runner([&] {
    point.run([] {
      inside->count_down();
      leave->wait();
    });
  });
  entered.wait();
  std::atomic<bool> unloaded = false;
  std::thread unloader([&] {
    unload(id);
    unloaded = true;
  });
  while (khelp_module_find("counter") == id && !unloaded)
    std::this_thread::yield();
  EXPECT_FALSE(unloaded);
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), EALREADY);
  left.count_down();
  runner.join();
  unloader.join();
  EXPECT_THAT(notes, ElementsAre("counter init", "counter destroy"));
}

TEST_F(loader, an_unload_that_waited_too_long_for_a_run_names_it_and_leaves_the_file_or_a_zombie) {
  test_point point;
  const std::int32_t id = load("counter");
  static std::latch* inside;
  static std::latch* leave;
  std::latch entered(1);
  std::latch left(1);
  inside = &entered;
  leave = &left;
  std::thread runner([&] {
    pthread_setname_np(pthread_self(), "stayer");
    point.run([] {
      inside->count_down();
      leave->wait();
    });
  });
  entered.wait();
  for (const int how : {KHELP_UNLOAD_REFUSE, KHELP_UNLOAD_WAIT}) {
    EXPECT_EQ(khelp_unload(id, how, 1'000'000), ETIMEDOUT);
    EXPECT_THAT(khelp_failure_text(), AllOf(HasSubstr("'stayer'"), HasSubstr("'counter'")));
    EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_LIVE));
    EXPECT_EQ(point.run(nullptr), 1) << "its hook is on";
  }
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 1'000'000), ETIMEDOUT);
  EXPECT_THAT(khelp_failure_text(), AllOf(HasSubstr("'stayer'"), HasSubstr("'counter'")));
  EXPECT_EQ(point.run(nullptr), 0);
  khelp_reap();
  EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
  EXPECT_THAT(listed(id)->reason, HasSubstr("'stayer'"));
  left.count_down();
  runner.join();
  khelp_reap();
  EXPECT_THAT(maps(), Not(HasSubstr("khelp:counter"))) << "it went when the run had left";
  EXPECT_THAT(notes, ElementsAre("counter init", "counter destroy"));
}

TEST_F(loader, objects_that_hold_its_data_refuse_the_unload_or_lose_it) {
  test_point point;
  const std::int32_t id = load("stateful");
  khelp::object_slots object;
  ASSERT_TRUE(object.open(KHELP_HELPER_CLASS_APP));
  EXPECT_EQ(point.run(nullptr, object), 1);
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), EBUSY);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("stateful"));
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_WAIT, 1'000'000), ETIMEDOUT);
  EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_LIVE));
  EXPECT_EQ(point.run(nullptr, object), 1) << "it runs on as before";
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(point.run(nullptr, object), 0);
  EXPECT_THAT(maps(), Not(HasSubstr("khelp:stateful")));
}

TEST_F(loader, a_zombie_goes_when_the_threads_that_kept_it_have_ended) {
  test_point point;
  const std::int32_t id = load("thread_exit");
  EXPECT_FALSE(listed(id)->permanent) << "it may go, in time";
  std::latch ran(1);
  std::latch end(1);
  std::thread thread([&] {
    EXPECT_EQ(point.run(), 1);
    ran.count_down();
    end.wait();
  });
  ran.wait();
  unload(id);
  EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
  EXPECT_THAT(listed(id)->reason, HasSubstr("__cxa_thread_atexit"));
  end.count_down();
  thread.join();
  EXPECT_THAT(notes, ElementsAre("thread_exit init", "thread_exit destroy", "thread_exit thread"));
  khelp_reap();
  EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_DEAD));
  EXPECT_THAT(maps(), Not(HasSubstr("khelp:thread_exit")));
}

TEST_F(loader, what_is_gone_is_forgotten_at_the_next_load_by_who_never_lists) {
  for (int i = 0; i < 3; i++)
    unload(load("counter"));
  const auto gone = [] {
    const std::vector<shown> all = listed();
    return std::count_if(all.begin(), all.end(),
                         [](const shown& line) { return line.state == KHELP_MODULE_DEAD; });
  };
  EXPECT_EQ(gone(), 1) << "the last one, once";
  EXPECT_EQ(gone(), 0);
}

// ---- FreeBSD modules

TEST_F(loader, conformance_40_freebsd_modules_of_a_file_start_in_order_and_stop_in_reverse) {
  const std::int32_t id = load("pair");
  EXPECT_THAT(notes, ElementsAre("first load", "second load"));
  EXPECT_EQ(khelp_module_find("second"), id);
  notes.clear();
  unload(id);
  EXPECT_THAT(notes,
              ElementsAre("second quiesce", "first quiesce", "second unload", "first unload"));
}

TEST_F(loader, a_failed_mod_load_is_told_mod_unload_and_gives_its_error) {
  veto = "load";
  refused("pair", ENXIO);
  EXPECT_THAT(notes, ElementsAre("first load", "second load", "second unload", "first unload"));
  EXPECT_THAT(present(), IsEmpty());
}

TEST_F(loader, conformance_40_a_quiesce_that_is_vetoed_changes_nothing) {
  const std::int32_t id = load("pair");
  veto = "quiesce";
  notes.clear();
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), EBUSY);
  EXPECT_THAT(notes, ElementsAre("second quiesce"));
  EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_LIVE));
  notes.clear();
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0) << "force ignores quiesce only";
  EXPECT_THAT(notes,
              ElementsAre("second quiesce", "first quiesce", "second unload", "first unload"));
}

TEST_F(loader, conformance_40_a_mod_unload_that_is_vetoed_is_not_forced) {
  const std::int32_t id = load("pair");
  veto = "unload";
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), EBUSY);
  EXPECT_EQ(listed(id)->state, static_cast<std::uint32_t>(KHELP_MODULE_LIVE));
  veto.clear();
  unload(id);
}

// ---- checking

TEST_F(loader, check_describes_a_file_without_running_it) {
  std::vector<std::pair<int, std::string>> lines;
  const auto add = [](void* to, int severity, const char* line) {
    static_cast<decltype(lines)*>(to)->emplace_back(severity, line);
  };
  EXPECT_EQ(khelp_check_file(KHELP_TEST_MODULES "/user.so", add, &lines), 0);
  using testing::Contains;
  EXPECT_THAT(lines, Contains(std::pair(0, std::string("module user version 1, native helper"))));
  EXPECT_THAT(lines, Contains(std::pair(
                         0, std::string("needs counter version 1 to 3, best 2: " KHELP_TEST_MODULES
                                        "/counter.so"))));
  lines.clear();
  EXPECT_EQ(khelp_check_file(KHELP_TEST_MODULES "/permanent.so", add, &lines), 0);
  EXPECT_THAT(lines, Contains(testing::Pair(1, HasSubstr("DF_1_NODELETE"))));
  lines.clear();
  EXPECT_EQ(khelp_check_file("/proc/self/exe", add, &lines), ENOEXEC);
  EXPECT_THAT(lines, Contains(testing::Pair(2, HasSubstr("it is a program"))));
  EXPECT_EQ(khelp_check_file("/nowhere.so", add, &lines), ENOENT);
  EXPECT_THAT(notes, IsEmpty());
}

TEST_F(loader, check_tells_what_is_missing_in_this_process_and_leaves_the_judgement_to_a_load) {
  std::string lines;
  const auto add = [](void* to, int severity, const char* line) {
    *static_cast<std::string*>(to) += std::to_string(severity) + " " + line + "\n";
  };
  EXPECT_EQ(khelp_check_file(KHELP_TEST_MODULES "/orphan.so", add, &lines), 0);
  EXPECT_THAT(lines, HasSubstr("0 needs nobody version 1 to 1, best 1: not here\n"));
  EXPECT_THAT(lines, HasSubstr("0 would not load here: it needs 'nobody' version 1: no module "
                               "'nobody' in " KHELP_TEST_MODULES));
  EXPECT_THAT(lines, Not(HasSubstr("must define")));
  refused("orphan", ENOENT);
  lines.clear();
  EXPECT_EQ(khelp_check_file(KHELP_TEST_MODULES "/unmet.so", add, &lines), 0);
  EXPECT_THAT(lines, HasSubstr("0 would not load here: a program that loads it must define "
                               "'nobody_defines_this': this one does not\n"));
  refused("unmet", ENOEXEC);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("must define 'nobody_defines_this'"));
}

TEST_F(loader, check_tells_what_a_load_would_refuse_on_account_of_other_files) {
  const auto problems_of = [](const char* file) {
    std::string problems;
    const auto add = [](void* to, int severity, const char* line) {
      if (severity == 2)
        *static_cast<std::string*>(to) += std::string(line) + "\n";
    };
    EXPECT_EQ(khelp_check_file(file, add, &problems), ENOEXEC);
    return problems;
  };
  EXPECT_EQ(problems_of(KHELP_TEST_MODULES "/too_new.so"),
            "it needs 'counter' version 8 to 9; " KHELP_TEST_MODULES
            "/counter.so does not offer that\n");
  EXPECT_EQ(problems_of(KHELP_TEST_MODULES "/ring_a.so"),
            KHELP_TEST_MODULES "/ring_b.so: it needs 'ring_a', which needs it in turn\n");
}

TEST_F(loader, what_is_loaded_already_fits_all_the_same) {
  const std::int32_t id = load("counter");
  std::string lines;
  const auto add = [](void* to, int severity, const char* line) {
    *static_cast<std::string*>(to) += std::to_string(severity) + " " + line + "\n";
  };
  EXPECT_EQ(khelp_check_file(KHELP_TEST_MODULES "/counter.so", add, &lines), 0);
  EXPECT_THAT(lines, HasSubstr("0 would not load here: module 'counter' is loaded already"));
  unload(id);
}

// ---- threads and processes

TEST_F(loader, threads_load_and_unload_at_once) {
  test_point point;
  std::atomic<bool> stop = false;
  std::thread runner([&] {
    while (!stop)
      point.run();
  });
  std::vector<std::thread> threads;
  for (const char* name : {"counter", "counter", "permanent", "user"}) {
    threads.emplace_back([name] {
      for (int round = 0; round < 50; round++) {
        std::int32_t id = -1;
        const int loaded = khelp_load(name, nullptr, &id);
        // Another thread has it, or is just taking away what it needs.
        EXPECT_TRUE(loaded == 0 || loaded == EEXIST || loaded == ENOENT) << khelp_failure_text();
        listed();
        if (loaded != 0)
          continue;
        const int unloaded = khelp_unload(id, KHELP_UNLOAD_REFUSE, 0);
        EXPECT_TRUE(unloaded == 0 || unloaded == EBUSY) << khelp_failure_text();
        if (unloaded == EBUSY) {
          while (khelp_unload(id, KHELP_UNLOAD_REFUSE, 0) == EBUSY)
            std::this_thread::yield();
        }
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  stop = true;
  runner.join();
}

TEST_F(loader, a_forked_child_unloads_what_it_has_and_loads_anew) {
  test_point point;
  const std::int32_t id = load("counter");
  const pid_t child = fork();
  if (child == 0) {
    bool well = point.run() == 1 && khelp_unload(id, KHELP_UNLOAD_REFUSE, 0) == 0;
    std::int32_t again = -1;
    well = well && khelp_load("counter", nullptr, &again) == 0 && point.run() == 1;
    well = well && khelp_unload(again, KHELP_UNLOAD_REFUSE, 0) == 0 && point.run() == 0;
    _exit(well ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(point.run(), 1) << "the parent's is untouched";
  unload(id);
}

/// Holds up the thread that makes a note of these words.
class held_at {
 public:
  explicit held_at(std::string words) : words_(std::move(words)) {
    current = this;
    on_note = [](const std::string& noted) {
      if (noted == current->words_) {
        current->reached_.count_down();
        current->go_on_.wait();
      }
    };
  }
  ~held_at() { on_note = nullptr; }
  held_at(const held_at&) = delete;
  held_at& operator=(const held_at&) = delete;

  void wait() { reached_.wait(); }
  void let_go() { go_on_.count_down(); }

 private:
  static inline held_at* current;
  std::string words_;
  std::latch reached_{1};
  std::latch go_on_{1};
};

TEST_F(loader, a_load_waits_for_the_end_of_an_unload_that_was_reported_as_done) {
  test_point point;
  static std::int32_t id;
  id = load("counter");
  point.run([] { EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0); });
  held_at its_end("counter destroy");
  std::thread reaper([] { khelp_reap(); });
  its_end.wait();
  std::atomic<bool> begun = false;
  std::atomic<int> answer = -1;
  std::int32_t again = -1;
  std::thread other([&] {
    begun = true;
    answer = khelp_load("counter", nullptr, &again);
  });
  while (!begun)
    std::this_thread::yield();
  for (int i = 0; i < 1000; i++)
    std::this_thread::yield();
  EXPECT_EQ(answer, -1) << "it waits";
  its_end.let_go();
  reaper.join();
  other.join();
  EXPECT_EQ(answer, 0);
  unload(again);
}

TEST_F(loader, what_is_loaded_from_the_end_of_an_unload_does_not_wait_for_it) {
  test_point point;
  static std::int32_t id;
  static int answer;
  answer = -1;
  id = load("counter");
  point.run([] { EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0); });
  on_note = [](const std::string& words) {
    if (words == "counter destroy")
      answer = khelp_load("counter", nullptr, nullptr);
  };
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(answer, EEXIST);
}

/// What a forked child finds, as its exit status: 0, or the line of what was not so.
#define CHILD_EXPECT(condition) \
  do {                          \
    if (!(condition))           \
      _exit(__LINE__ % 256);    \
  } while (0)

void expect_of_child(void (*find)()) {
  const pid_t child = fork();
  if (child == 0) {
    on_note = nullptr;
    alarm(60);
    find();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "line of the child, modulo 256";
}

TEST_F(loader, a_child_forked_during_a_load_loads_anew_and_keeps_what_was_half_there) {
  held_at its_init("user init");  // its dependency runs already
  static std::int32_t id;
  std::thread other([] { EXPECT_EQ(khelp_load("user", nullptr, &id), 0); });
  its_init.wait();
  expect_of_child([] {
    test_point point;
    std::int32_t again = -1;
    CHILD_EXPECT(khelp_load("user", nullptr, &again) == 0);
    CHILD_EXPECT(point.run() == 2);
    std::vector<shown> all = listed();
    CHILD_EXPECT(all.size() >= 4);  // zombies of other tests come first
    const shown* newest = &all[all.size() - 4];
    CHILD_EXPECT(newest[0].name == "counter" && newest[0].state == KHELP_MODULE_ZOMBIE);
    CHILD_EXPECT(newest[1].name == "user" && newest[1].state == KHELP_MODULE_ZOMBIE);
    CHILD_EXPECT(newest[1].reason.find("fork cut off") != std::string::npos);
    CHILD_EXPECT(khelp_unload(again, KHELP_UNLOAD_REFUSE, 0) == 0);
    CHILD_EXPECT(point.run() == 0);
    CHILD_EXPECT(present().empty());
  });
  its_init.let_go();
  other.join();
  unload(id);
}

TEST_F(loader, a_child_forked_while_an_unload_waits_goes_on_with_the_module) {
  static test_point* shared;
  static khelp::object_slots* held;
  static std::int32_t id;
  test_point point;
  id = load("stateful");
  khelp::object_slots object;
  ASSERT_TRUE(object.open(KHELP_HELPER_CLASS_APP));
  EXPECT_EQ(point.run(nullptr, object), 1);
  shared = &point;
  held = &object;
  std::thread other([] { EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_WAIT, -1), 0); });
  while (listed(id)->state != KHELP_MODULE_DRAINING)
    std::this_thread::yield();
  expect_of_child([] {
    khelp_reap();
    CHILD_EXPECT(listed(id)->state == KHELP_MODULE_LIVE);
    CHILD_EXPECT(shared->run(nullptr, *held) == 1);
    khelp::object_slots newer;
    CHILD_EXPECT(newer.open(KHELP_HELPER_CLASS_APP).has_value());
    CHILD_EXPECT(shared->run(nullptr, newer) == 1);
    newer.close();
    CHILD_EXPECT(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0) == EBUSY);
    held->close();
    CHILD_EXPECT(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0) == 0);
    CHILD_EXPECT(listed(id)->state == KHELP_MODULE_DEAD);
  });
  object.close();
  other.join();
}

TEST_F(loader, a_child_forked_while_an_unload_waits_for_a_hook_is_rid_of_the_module) {
  static test_point* shared;
  static std::int32_t id;
  static std::latch* inside;
  static std::latch* leave;
  test_point point;
  std::latch entered(1);
  std::latch left(1);
  shared = &point;
  inside = &entered;
  leave = &left;
  id = load("counter");
  std::thread runner([] {
    shared->run([] {
      inside->count_down();
      leave->wait();
    });
  });
  entered.wait();
  std::thread other([] { EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0); });
  while (shared->run() != 0)  // until its hooks are off
    std::this_thread::yield();
  expect_of_child([] {
    std::int32_t again = -1;
    CHILD_EXPECT(khelp_load("counter", nullptr, &again) == 0);
    CHILD_EXPECT(listed(id)->state == KHELP_MODULE_ZOMBIE);
    CHILD_EXPECT(shared->run() == 1);
    CHILD_EXPECT(khelp_unload(again, KHELP_UNLOAD_REFUSE, 0) == 0);
  });
  left.count_down();
  runner.join();
  other.join();
}

TEST_F(loader, a_child_forked_in_the_middle_of_a_modules_end_does_not_end_it_twice) {
  static std::int32_t id;
  id = load("counter");
  held_at its_end("counter destroy");
  std::thread other([] { EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0); });
  its_end.wait();
  expect_of_child([] {
    std::int32_t again = -1;
    CHILD_EXPECT(khelp_load("counter", nullptr, &again) == 0);
    CHILD_EXPECT(listed(id)->state == KHELP_MODULE_ZOMBIE);
    CHILD_EXPECT(listed(id)->reason.find("fork cut off") != std::string::npos);
    CHILD_EXPECT(notes ==
                 (std::vector<std::string>{"counter init", "counter destroy", "counter init"}));
    CHILD_EXPECT(khelp_unload(again, KHELP_UNLOAD_REFUSE, 0) == 0);
  });
  its_end.let_go();
  other.join();
}

// ---- descriptors

TEST_F(loader, a_descriptor_closed_behind_its_back_does_not_bring_the_old_code_back) {
  const std::int32_t id = load("counter");
  for (int fd = 3; fd < 64; fd++)
    close(fd);
  const std::int32_t other = load("stateful");
  EXPECT_EQ(listed(other)->name, "stateful");
  EXPECT_THAT(maps(), HasSubstr("khelp:stateful@1"));
  unload(other);
  unload(id);
}

// ---- the names under which the dynamic linker has it

/// The names of everything mapped that end in this.
std::vector<std::string> linker_names(std::string_view end) {
  struct search {
    std::string_view end;
    std::vector<std::string> names;
  } found{end, {}};
  const auto add = [](dl_phdr_info* info, std::size_t, void* arg) {
    search& it = *static_cast<search*>(arg);
    if (std::string_view(info->dlpi_name).ends_with(it.end))
      it.names.emplace_back(info->dlpi_name);
    return 0;
  };
  dl_iterate_phdr(add, &found);
  return found.names;
}

TEST_F(loader, debuggers_are_told_where_the_file_is) {
  const std::int32_t id = load("counter");
  const auto names = linker_names("counter.so");
  ASSERT_EQ(names.size(), 1U);
  EXPECT_TRUE(std::filesystem::equivalent(names[0], KHELP_TEST_MODULES "/counter.so")) << names[0];
  EXPECT_THAT(maps(), HasSubstr("khelp:counter@3")) << "it is a copy all the same";
  unload(id);
  EXPECT_THAT(linker_names("counter.so"), IsEmpty());
}

TEST_F(loader, the_programs_own_dlopen_of_the_file_is_not_answered_with_the_copy) {
  const std::int32_t id = load("counter");
  void* const own = dlopen(KHELP_TEST_MODULES "/counter.so", RTLD_NOW);
  ASSERT_NE(own, nullptr) << dlerror();
  link_map* map = nullptr;
  ASSERT_EQ(dlinfo(own, RTLD_DI_LINKMAP, &map), 0);
  EXPECT_NE(map->l_addr, listed(id)->base);
  unload(id);
  EXPECT_THAT(linker_names("counter.so"), testing::SizeIs(1));
  dlclose(own);
}

TEST_F(loader, copies_of_one_file_have_different_names) {
  static std::latch* leave;
  std::latch told(1);
  std::latch may_end(1);
  leave = &told;
  test_point point;
  const std::int32_t kept = load("thread_exit");
  std::thread holder([&] {
    point.run();
    leave->count_down();
    may_end.wait();
  });
  told.wait();
  unload(kept);  // the thread's destructor keeps its code
  const std::int32_t id = load("thread_exit");
  const auto names = linker_names("thread_exit.so");
  ASSERT_EQ(names.size(), 2U);
  EXPECT_NE(names[0], names[1]);
  unload(id);
  EXPECT_EQ(listed(kept)->state, KHELP_MODULE_ZOMBIE);
  may_end.count_down();
  holder.join();
  khelp_reap();
  EXPECT_THAT(linker_names("thread_exit.so"), IsEmpty());
}

TEST_F(loader, a_zombie_that_has_gone_is_not_looked_for_in_strangers_descriptors) {
  static std::latch* leave;
  std::latch told(1);
  std::latch may_end(1);
  leave = &told;
  test_point point;
  const std::int32_t id = load("thread_exit");
  int descriptor = -1;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone).string().find("khelp:thread_exit") !=
        std::string::npos)
      descriptor = std::stoi(entry.path().filename());
  }
  ASSERT_GE(descriptor, 0);
  std::thread holder([&] {
    point.run();
    leave->count_down();
    may_end.wait();
  });
  told.wait();
  unload(id);
  may_end.count_down();
  holder.join();
  dlclose(dlopen(KHELP_TEST_MODULES "/counter.so", RTLD_NOW));  // the linker clears up meanwhile
  EXPECT_THAT(linker_names("thread_exit.so"), IsEmpty());
  int silent[2];
  ASSERT_EQ(pipe(silent), 0);
  ASSERT_EQ(dup2(silent[0], descriptor), descriptor);
  khelp_reap();
  EXPECT_EQ(listed(id)->state, KHELP_MODULE_DEAD);
  for (const int fd : {silent[0], silent[1], descriptor})
    close(fd);
}

/// In a child that has this folder as its root, if the system lets a process have one. The folder is
/// empty but for counter.so and `folders`.
template <class Check>
void in_chroot(const std::vector<std::string>& folders, Check check) {
  std::string root = testing::TempDir() + "khelp-root-XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  std::filesystem::copy(KHELP_TEST_MODULES "/counter.so", root + "/counter.so");
  for (const std::string& folder : folders)
    std::filesystem::create_directory(root + folder);
  constexpr int not_here = 77;
  const pid_t child = fork();
  if (child == 0) {
    if (chroot(root.c_str()) != 0 && (unshare(CLONE_NEWUSER) != 0 || chroot(root.c_str()) != 0))
      _exit(not_here);
    if (chdir("/") != 0)
      _exit(not_here);
    _exit(check());
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  std::filesystem::remove_all(root);
  if (WIFEXITED(status) && WEXITSTATUS(status) == not_here)
    GTEST_SKIP() << "this system lets nobody change the root of a process";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(loader, without_proc_a_copy_in_a_file_is_mapped_and_its_name_removed) {
  in_chroot({"/tmp"}, [] {
    std::int32_t id = 0;
    if (khelp_load("/counter.so", nullptr, &id) != 0) {
      std::fprintf(stderr, "%s\n", khelp_failure_text());
      return 1;
    }
    if (!std::filesystem::is_empty("/tmp"))
      return 2;
    return khelp_unload(id, KHELP_UNLOAD_REFUSE, 0) == 0 && listed(id)->state == KHELP_MODULE_DEAD
               ? 0
               : 3;
  });
}

TEST_F(loader, without_proc_and_a_place_for_a_copy_the_words_say_so_and_the_way_out) {
  in_chroot({}, [] {
    const int refused = khelp_load("/counter.so", nullptr, nullptr);
    const std::string words = khelp_failure_text();
    if (refused != EACCES || words.find("/proc is not mounted") == std::string::npos ||
        words.find("KHELP_LOAD=path") == std::string::npos) {
      std::fprintf(stderr, "%d %s\n", refused, words.c_str());
      return 1;
    }
    khelp_load_options options{};
    options.size = sizeof options;
    options.flags = KHELP_LOAD_DEBUG;
    return khelp_load("/counter.so", &options, nullptr) == 0 ? 0 : 2;
  });
}

}  // namespace
