// Modules that call functions of the modules they depend on.

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <khelp/error.h>
#include <khelp/linker.h>
#include <khelp/loader.h>
#include <khelp/log.h>

// Modules of helper.cpp say what happens to them.
extern "C" __attribute__((visibility("default"))) void loader_test_note(const char*) {}

namespace {

using testing::HasSubstr;
using testing::Not;

#define FOLDER KHELP_TEST_MODULES

/// Each folder has a file lower.so or upper.so; "linked" is the one that modules were linked with.
class loader_link : public testing::Test {
 protected:
  void SetUp() override { setenv("KHELP_MODULE_PATH", FOLDER "/linked", 1); }

  static std::int32_t load(const char* name, std::uint32_t flags = 0) {
    khelp_load_options options{};
    options.size = sizeof options;
    options.flags = flags;
    std::int32_t id = -1;
    EXPECT_EQ(khelp_load(name, &options, &id), 0) << khelp_failure_text();
    return id;
  }

  static std::string refused(const char* name, int code) {
    EXPECT_EQ(khelp_load(name, nullptr, nullptr), code) << khelp_failure_text();
    return khelp_failure_text();
  }

  static void unload(std::int32_t id) {
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  }

  template <class Function>
  static Function* exported(std::int32_t id, const char* symbol) {
    void* address = nullptr;
    EXPECT_EQ(khelp_kld_sym(id, symbol, &address, nullptr), 0) << khelp_failure_text();
    return reinterpret_cast<Function*>(address);
  }

  static int says(std::int32_t id, const char* function) { return exported<int()>(id, function)(); }

  static std::string checked(const char* file) {
    std::string lines;
    khelp_check_file(
        file,
        [](void* to, int severity, const char* line) {
          *static_cast<std::string*>(to) += std::to_string(severity) + " " + line + "\n";
        },
        &lines);
    return lines;
  }

  static bool is_zombie(std::int32_t id) {
    khelp_kld_info info{};
    info.size = sizeof info;
    return khelp_kld_stat(id, &info) == 0 && info.state == KHELP_MODULE_ZOMBIE;
  }
};

TEST_F(loader_link, a_module_calls_a_function_of_the_module_it_depends_on_and_is_linked_with) {
  const std::int32_t upper = load("upper");
  EXPECT_EQ(says(upper, "upper_says"), 41);
  const std::int32_t lower = khelp_module_find("lower");
  EXPECT_EQ(khelp_unload(lower, KHELP_UNLOAD_REVOKE | KHELP_UNLOAD_FORCE, 0), EBUSY);
  unload(upper);
  EXPECT_EQ(khelp_module_find("lower"), -1);
}

TEST_F(loader_link, what_was_loaded_before_is_linked_with_too) {
  const std::int32_t lower = load("lower");
  const std::int32_t upper = load("upper");
  EXPECT_EQ(says(upper, "upper_says"), 41);
  unload(upper);
  unload(lower);
}

TEST_F(loader_link, modules_mapped_by_their_path_are_linked_as_well) {
  const std::int32_t upper = load("upper", KHELP_LOAD_DEBUG);
  EXPECT_EQ(says(upper, "upper_says"), 41);
  unload(upper);
}

TEST_F(loader_link, names_that_both_export_stay_each_modules_own) {
  const std::int32_t upper = load("upper");
  EXPECT_STREQ(exported<const char*()>(upper, "called_name")(), "upper");
  EXPECT_STREQ(exported<const char*()>(khelp_module_find("lower"), "called_name")(), "lower");
  unload(upper);
}

TEST_F(loader_link, what_is_loaded_anew_under_the_same_name_is_bound_to) {
  for (const int expected : {41, 51, 41}) {
    const std::int32_t lower =
        load(expected == 41 ? FOLDER "/linked/lower.so" : FOLDER "/again/lower.so");
    const std::int32_t upper = load("upper");
    EXPECT_EQ(says(upper, "upper_says"), expected);
    unload(upper);
    unload(lower);
  }
}

TEST_F(loader_link, a_module_that_was_not_linked_is_told_with_what) {
  EXPECT_THAT(
      refused(FOLDER "/unlinked/upper.so", ENOEXEC),
      HasSubstr("must define 'lower_says' (which " FOLDER "/linked/lower.so exports: depend on "
                "that module, and link with its file)"));
  EXPECT_EQ(khelp_module_find("lower"), -1);
}

TEST_F(loader_link, a_module_that_does_not_depend_on_what_it_is_linked_with_is_refused) {
  EXPECT_THAT(refused(FOLDER "/undeclared/upper.so", ENOEXEC),
              HasSubstr("it needs 'lower.so', which is the name (DT_SONAME, -Wl,-soname) of no "
                        "module that it depends on"));
  const std::int32_t lower = load("lower");
  EXPECT_THAT(refused(FOLDER "/undeclared/upper.so", ENOEXEC),
              HasSubstr("it needs 'lower.so', which is the name of file " + std::to_string(lower) +
                        "; it does not depend on that"));
  unload(lower);
}

TEST_F(loader_link, a_dependency_that_is_missing_is_the_one_thing_that_is_told) {
  setenv("KHELP_MODULE_PATH", FOLDER "/unlinked", 1);
  EXPECT_THAT(refused(FOLDER "/linked/upper.so", ENOENT),
              testing::AllOf(HasSubstr("it needs 'lower' version 1"), Not(HasSubstr("lower.so"))));
}

TEST_F(loader_link, of_two_files_of_one_name_the_linker_knows_only_the_first) {
  const std::int32_t impostor = load(FOLDER "/impostor/lower.so");
  EXPECT_THAT(refused("upper", ENOEXEC), HasSubstr("the name of file " + std::to_string(impostor)));
  const std::int32_t lower = load("lower");
  EXPECT_THAT(refused("upper", ENOEXEC), HasSubstr("the name of file " + std::to_string(impostor)));
  unload(lower);
  unload(impostor);
}

TEST_F(loader_link, a_library_of_the_program_is_not_taken_for_a_module_of_its_name) {
  void* const library = dlopen(FOLDER "/impostor/lower.so", RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  EXPECT_THAT(refused("upper", ENOEXEC),
              HasSubstr("it needs 'lower.so', and this process has something else of that name"));
  dlclose(library);
  unload(load("upper"));
}

TEST_F(loader_link, what_a_zombie_calls_stays_mapped_and_keeps_its_name) {
  const std::int32_t user = load("user_of_kept");
  const std::int32_t kept = khelp_module_find("kept");
  int (*const kept_says)() = exported<int()>(kept, "kept_says");
  unload(user);
  EXPECT_TRUE(is_zombie(user));
  EXPECT_TRUE(is_zombie(kept));
  EXPECT_EQ(kept_says(), 70);
  EXPECT_THAT(refused("user_of_kept", ENOEXEC),
              HasSubstr("the name of file " + std::to_string(kept)));
  EXPECT_EQ(khelp_module_find("kept"), -1);
}

TEST_F(loader_link, check_knows_what_it_would_be_linked_with) {
  const std::string linked = checked(FOLDER "/linked/upper.so");
  EXPECT_THAT(linked, HasSubstr("0 linked with lower.so: " FOLDER "/linked/lower.so\n"));
  EXPECT_THAT(linked,
              HasSubstr("0 needs lower version 1 to 1, best 1: " FOLDER "/linked/lower.so\n"));
  EXPECT_THAT(linked, Not(HasSubstr("must define")));
  EXPECT_THAT(linked, Not(HasSubstr("\n2 ")));
  EXPECT_THAT(
      checked(FOLDER "/unlinked/upper.so"),
      HasSubstr("0 would not load here: a program that loads it must define 'lower_says' "
                "(which " FOLDER "/linked/lower.so exports: depend on that module, and link "
                "with its file): this one does not\n"));
  EXPECT_THAT(
      checked(FOLDER "/undeclared/upper.so"),
      HasSubstr("2 it needs 'lower.so', which is the name (DT_SONAME, -Wl,-soname) of no module"));
}

// ---- ordinary libraries

bool is_mapped(const char* library) {
  void* const handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
  if (handle != nullptr)
    dlclose(handle);
  return handle != nullptr;
}

/// A program's words to the log.
std::string& logged() {
  static std::string words;
  return words;
}

class loader_libraries : public loader_link {
 protected:
  void SetUp() override {
    loader_link::SetUp();
    setenv("KHELP_MODULE_PATH", FOLDER, 1);
    if (!std::filesystem::exists(FOLDER "/uses_libz.so"))
      GTEST_SKIP() << "there is no libz.so.1 here";
    if (is_mapped("libz.so.1"))
      GTEST_SKIP() << "something has brought libz.so.1 into this test already";
  }

  static int load_allowing(const char* name, std::vector<const char*> libraries, std::int32_t* id) {
    khelp_load_options options{};
    options.size = sizeof options;
    options.libraries = libraries.data();
    options.nlibraries = static_cast<std::uint32_t>(libraries.size());
    return khelp_load(name, &options, id);
  }
};

TEST_F(loader_libraries, a_library_that_is_not_there_is_refused_with_the_rule_and_the_ways_out) {
  EXPECT_THAT(refused("uses_libz", ENOEXEC),
              testing::AllOf(HasSubstr("'libz.so.1'"), HasSubstr("only the C and C++ run-time"),
                             HasSubstr("statically"), HasSubstr("--allow-library")));
  EXPECT_THAT(checked(FOLDER "/uses_libz.so"), HasSubstr("2 it needs 'libz.so.1'"));
  EXPECT_FALSE(is_mapped("libz.so.1"));
}

TEST_F(loader_libraries, a_library_that_the_program_has_may_be_needed) {
  void* const libz = dlopen("libz.so.1", RTLD_NOW);
  ASSERT_NE(libz, nullptr) << dlerror();
  EXPECT_THAT(checked(FOLDER "/uses_libz.so"),
              HasSubstr("0 linked with libz.so.1: loaded already"));
  const std::int32_t id = load("uses_libz");
  dlclose(libz);
  EXPECT_TRUE(is_mapped("libz.so.1")) << "the helper needs it";
  unload(id);
  EXPECT_FALSE(is_mapped("libz.so.1"));
}

TEST_F(loader_libraries, a_library_that_the_program_allows_is_brought_in_and_goes_with_the_helper) {
  for (const char* allowed : {"libz.so.1", "libz.*"}) {
    std::int32_t id = -1;
    EXPECT_EQ(load_allowing("uses_libz", {"libother.so.1"}, &id), ENOEXEC);
    ASSERT_EQ(load_allowing("uses_libz", {"libother.so.1", allowed}, &id), 0)
        << khelp_failure_text();
    EXPECT_TRUE(is_mapped("libz.so.1"));
    unload(id);
    EXPECT_FALSE(is_mapped("libz.so.1"));
  }
}

TEST_F(loader_libraries, what_stays_of_a_library_that_came_with_a_helper_is_told) {
  logged().clear();
  khelp_log_set_sink([](void*, int, const char* words) { logged() += std::string(words) + "\n"; },
                     nullptr);
  std::int32_t id = -1;
  ASSERT_EQ(load_allowing("uses_libz", {"libz.so.1"}, &id), 0) << khelp_failure_text();
  void* const libz = dlopen("libz.so.1", RTLD_NOW);
  unload(id);
  khelp_log_set_sink(nullptr, nullptr);
  EXPECT_THAT(logged(), HasSubstr("libz.so.1, which came with it, stays mapped"));
  dlclose(libz);
}

TEST_F(loader_libraries,
       a_version_that_the_library_here_does_not_have_is_refused_before_it_is_mapped) {
  void* const libz = dlopen("libz.so.1", RTLD_NOW);
  ASSERT_NE(libz, nullptr) << dlerror();
  EXPECT_THAT(refused("uses_new_libz", ENOEXEC), HasSubstr("libz.so.1: ZLIB_9.9"));
  EXPECT_THAT(checked(FOLDER "/uses_new_libz.so"),
              HasSubstr("0 would not load here: it needs a version that the library here does not "
                        "have, libz.so.1: ZLIB_9.9"));
  dlclose(libz);
}

/// What the library says meanwhile, a line each, with its level before it.
class heard {
 public:
  heard() {
    khelp_log_set_sink(
        [](void* to, int level, const char* words) {
          static_cast<heard*>(to)->lines_.push_back(std::to_string(level) + " " + words);
        },
        this);
  }
  heard(const heard&) = delete;
  heard& operator=(const heard&) = delete;
  ~heard() { khelp_log_set_sink(nullptr, nullptr); }

  std::vector<std::string> take() { return std::exchange(lines_, {}); }

 private:
  std::vector<std::string> lines_;
};

TEST_F(loader_link, the_log_tells_which_files_are_loaded_and_unloaded_in_their_order) {
  heard log;
  const std::int32_t upper = load("upper");
  EXPECT_THAT(log.take(),
              testing::ElementsAre("6 lower version 1: loaded from " FOLDER
                                   "/linked/lower.so, upper needs it",
                                   testing::MatchesRegex("6 upper version 1: loaded from " FOLDER
                                                         "/linked/upper.so in [0-9]+ us")));
  unload(upper);
  EXPECT_THAT(log.take(),
              testing::ElementsAre("6 upper version 1: unloaded, " FOLDER "/linked/upper.so",
                                   "6 lower version 1: unloaded, " FOLDER "/linked/lower.so"));
}

TEST_F(loader_link, the_log_tells_which_helpers_are_registered_and_unregistered) {
  heard log;
  const std::int32_t id = load(FOLDER "/throwaway.so");
  EXPECT_THAT(log.take(), testing::Contains("6 helper 'throwaway' version 1: registered"));
  unload(id);
  EXPECT_THAT(log.take(),
              testing::ElementsAre("6 helper 'throwaway' version 1: unregistered",
                                   "6 throwaway version 1: unloaded, " FOLDER "/throwaway.so"));
}

TEST_F(loader_link, the_log_tells_what_is_refused_and_why) {
  heard log;
  refused("no_such_helper", ENOENT);
  EXPECT_THAT(log.take(),
              testing::ElementsAre(testing::StartsWith("6 'no_such_helper' is not loaded: ")));
  EXPECT_EQ(khelp_unload(4711, KHELP_UNLOAD_REFUSE, 0), ENOENT);
  EXPECT_THAT(log.take(), testing::ElementsAre("6 file 4711 is not unloaded: no module file 4711"));
}

TEST_F(loader_link, a_second_copy_of_the_library_refuses_helpers_that_would_call_the_first) {
  const auto load_by_a_second_copy = [] {
    link_map* first = nullptr;
    dlinfo(dlopen("libkhelp.so.0", RTLD_NOW | RTLD_NOLOAD), RTLD_DI_LINKMAP, &first);
    const std::string copy = testing::TempDir() + "libkhelp_" + std::to_string(getpid()) + ".so";
    std::filesystem::copy_file(first->l_name, copy);
    void* const second = dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
    std::filesystem::remove(copy);
    const auto load = reinterpret_cast<decltype(&khelp_load)>(dlsym(second, "khelp_load"));
    const auto words =
        reinterpret_cast<decltype(&khelp_failure_text)>(dlsym(second, "khelp_failure_text"));
    const int refused = load("upper", nullptr, nullptr);
    std::fprintf(stderr, "%s\n", words());
    const bool by_the_first = khelp_load("upper", nullptr, nullptr) == 0;
    std::_Exit(refused == ENOEXEC && by_the_first ? 0 : 1);
  };
  EXPECT_EXIT(load_by_a_second_copy(), testing::ExitedWithCode(0),
              "two copies of libkhelp: it would be loaded by .*/libkhelp_.* and call "
              ".*/libkhelp\\.so");
}

TEST_F(loader_link, load_options_grow) {
  setenv("KHELP_MODULE_PATH", FOLDER, 1);
  struct {
    khelp_load_options known;
    std::uint64_t added;
  } newer{};
  std::int32_t id = -1;
  newer.known.size = sizeof newer;
  ASSERT_EQ(khelp_load("throwaway", &newer.known, &id), 0) << khelp_failure_text();
  unload(id);
  newer.added = 1;
  EXPECT_EQ(khelp_load("throwaway", &newer.known, &id), EINVAL);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("newer"));
  newer.known.size = offsetof(khelp_load_options, libraries);
  newer.known.nlibraries = 77;  // behind what an older caller has
  ASSERT_EQ(khelp_load("throwaway", &newer.known, &id), 0) << khelp_failure_text();
  unload(id);
}

TEST_F(loader_link, a_sanitizers_helper_does_not_end_a_program_without_it) {
  if (!std::filesystem::exists(FOLDER "/sanitized.so"))
    GTEST_SKIP() << "this build makes no helper with a sanitizer of its own";
  EXPECT_THAT(refused(FOLDER "/sanitized.so", ENOEXEC),
              testing::AllOf(HasSubstr("libasan.so"), HasSubstr("LD_PRELOAD")));
  EXPECT_THAT(checked(FOLDER "/sanitized.so"),
              HasSubstr("0 would not load here: it needs 'libasan.so"));
}

}  // namespace
