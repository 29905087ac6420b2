#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/log.h>
#include <khelp/stats.h>
#include <khelp/sysinit.h>
#include <khelp/vnet.h>

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t early = KHELP_SI_SUB_VNET + 1;
constexpr std::uint32_t late = KHELP_SI_SUB_HHOOK + 1;

std::int32_t fresh_type() {
  static std::int32_t next = KHELP_HHOOK_TYPE_APP + 100;
  return ++next;
}

// What constructors and destructors noted, one test at a time.
std::vector<std::string> notes;
void note(const void* words) {
  notes.emplace_back(static_cast<const char*>(words));
}

khelp_sysinit function_at(std::uint32_t subsystem, std::uint32_t order,
                          void (*function)(const void*), const void* argument) {
  return {subsystem, order, KHELP_SYSINIT_CALL, 0, function, argument};
}

// Registered as long as it lives.
struct constructor {
  explicit constructor(const khelp_sysinit& f) : record(f) {
    EXPECT_EQ(khelp_vnet_register_sysinit(&record), 0) << khelp_failure_text();
  }
  ~constructor() { EXPECT_EQ(khelp_vnet_deregister_sysinit(&record), 0); }
  const khelp_sysinit record;
};
struct destructor {
  explicit destructor(const khelp_sysinit& f) : record(f) {
    EXPECT_EQ(khelp_vnet_register_sysuninit(&record), 0) << khelp_failure_text();
  }
  ~destructor() { EXPECT_EQ(khelp_vnet_deregister_sysuninit(&record), 0); }
  const khelp_sysinit record;
};

// A variable per instance, as long as it lives.
template <class T>
struct variable {
  explicit variable(const T& first = {}) : initial(first) {
    EXPECT_EQ(khelp_vnet_variables_add(&initial, sizeof initial, &place, 1), 0)
        << khelp_failure_text();
  }
  ~variable() { EXPECT_EQ(khelp_vnet_variables_remove(&place, 1), 0); }
  T& of(const khelp_vnet* v) { return *static_cast<T*>(khelp_vnet_value(v, &place)); }

  T initial;
  khelp_vnet_variable place{&initial, 0, 0};
};

struct current {
  explicit current(khelp_vnet* v) : before(khelp_vnet_set_current(v)) {}
  ~current() { khelp_vnet_set_current(before); }
  khelp_vnet* before;
};

khelp_vnet* created() {
  khelp_vnet* v = khelp_vnet_alloc(nullptr);
  EXPECT_NE(v, nullptr) << khelp_failure_text();
  return v;
}

std::vector<khelp_vnet*> listed() {
  std::vector<khelp_vnet*> all;
  khelp_vnet_list_lock();
  for (khelp_vnet* v = khelp_vnet_next(nullptr); v != nullptr; v = khelp_vnet_next(v))
    all.push_back(v);
  khelp_vnet_list_unlock();
  return all;
}

int count(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++*static_cast<int*>(udata);
  return 0;
}
khelp_hookinfo hook_at(std::int32_t type, khelp_hhook_func_t fn, void* udata) {
  khelp_hookinfo hook{};
  hook.hook_func = fn;
  hook.hook_udata = udata;
  hook.hook_type = type;
  return hook;
}
khelp_hhook_head* point_in(khelp_vnet* v, std::int32_t type) {
  const current in(v);
  khelp_hhook_head* head = nullptr;
  EXPECT_EQ(khelp_hhook_head_register(type, 0, &head, KHELP_HHOOK_HEADISINVNET), 0)
      << khelp_failure_text();
  return head;
}

// What the library says meanwhile.
struct listening {
  listening() { khelp_log_set_sink(hear, &words); }
  ~listening() { khelp_log_set_sink(nullptr, nullptr); }
  static void hear(void* to, int, const char* line) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(line);
  }
  std::vector<std::string> words;
};

}  // namespace

TEST(instance, the_default_one_is_there_and_current_on_no_thread) {
  EXPECT_EQ(khelp_vnet_current(), nullptr);
  khelp_vnet* v = khelp_vnet_default();
  EXPECT_EQ(v->vnet_magic_n, KHELP_VNET_MAGIC);
  EXPECT_EQ(v->vnet_serial, 1u);
  EXPECT_EQ(khelp_vnet_destroy(v), EINVAL);
  int calls = 0;
  khelp_hookinfo hook = hook_at(fresh_type(), count, &calls);
  khelp_hhook_head* head = point_in(v, hook.hook_type);
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), 0);
  khelp_hhook_run_hooks(head, nullptr, nullptr);
  EXPECT_EQ(calls, 1) << "it has points like any other";
  EXPECT_EQ(khelp_hhook_remove_hook_lookup(&hook), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
}

TEST(instance, serials_are_never_used_again) {  // H-22
  khelp_vnet* first = created();
  const std::uint64_t serial = first->vnet_serial;
  EXPECT_EQ(khelp_vnet_destroy(first), 0);
  khelp_vnet* second = created();
  EXPECT_GT(second->vnet_serial, serial) << "wherever it lies";
  EXPECT_EQ(khelp_vnet_destroy(second), 0);
}

TEST(instance, a_name_is_of_instances_or_of_the_process) {  // H-23
  khelp_vnet* v = created();
  const std::int32_t type = fresh_type();
  khelp_hhook_head* head = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0);
  {
    const current in(v);
    EXPECT_EQ(khelp_hhook_head_register(type, 0, nullptr, KHELP_HHOOK_HEADISINVNET), EEXIST);
  }
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
  point_in(v, type);
  EXPECT_EQ(khelp_hhook_head_register(type, 0, nullptr, 0), EEXIST)
      << "also from where that instance is not current";
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0) << "as long as there is one";
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
}

TEST(instance, constructors_run_ascending_and_equal_ones_as_they_were_registered) {
  notes.clear();
  const destructor last(function_at(late, 0, note, "-late"));
  const destructor first(function_at(early, 0, note, "-early"));
  const destructor second(function_at(early, 0, note, "-early too"));
  khelp_vnet* v = nullptr;
  {
    const constructor c(function_at(late, 7, note, "late 7"));
    const constructor b(function_at(late, 1, note, "late 1"));
    const constructor d(function_at(late, 7, note, "late 7 too"));
    const constructor a(function_at(early, 9, note, "early"));
    notes.clear();  // of the default instance
    v = created();
    EXPECT_THAT(notes, ElementsAre("early", "late 1", "late 7", "late 7 too"));
  }
  notes.clear();
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_THAT(notes, ElementsAre("-late", "-early too", "-early"));
}

TEST(instance, conformance_41_a_constructor_that_is_registered_late_runs_in_every_instance) {
  variable<int> begun;
  khelp_vnet* a = created();
  khelp_vnet* b = created();
  const auto begin = [](const void* var) {
    auto* place = static_cast<const khelp_vnet_variable*>(var);
    ++*static_cast<int*>(khelp_vnet_value(khelp_vnet_current(), place));
  };
  const constructor c(function_at(late, 0, begin, &begun.place));
  EXPECT_EQ(begun.of(khelp_vnet_default()), 1);
  EXPECT_EQ(begun.of(a), 1);
  EXPECT_EQ(begun.of(b), 1);
  EXPECT_EQ(khelp_vnet_current(), nullptr);
  EXPECT_EQ(khelp_vnet_destroy(a), 0);
  EXPECT_EQ(khelp_vnet_destroy(b), 0);
}

TEST(instance, conformance_41_a_creation_that_is_under_way_misses_no_constructor) {  // V-1
  static variable<int>* calls;
  variable<int> of_the_late_one;
  calls = &of_the_late_one;
  static std::latch* creating;
  static std::latch* registering;
  std::latch in_constructor(1);
  std::latch about_to_register(1);
  creating = &in_constructor;
  registering = &about_to_register;
  static std::atomic<bool> armed;
  armed = false;
  const auto hold = [](const void*) {
    if (!armed.exchange(false))
      return;
    creating->count_down();
    registering->wait();
  };
  const constructor holding(function_at(KHELP_SI_SUB_VNET_DONE, KHELP_SI_ORDER_ANY, hold, nullptr));
  armed = true;
  khelp_vnet* v = nullptr;
  std::thread creator([&] { v = created(); });
  in_constructor.wait();
  // Earlier than the place the creation has come to: only the registration can run it there.
  const khelp_sysinit overlooked = function_at(
      early, 0, [](const void*) { ++calls->of(khelp_vnet_current()); }, nullptr);
  std::thread registrar([&] {
    about_to_register.count_down();
    EXPECT_EQ(khelp_vnet_register_sysinit(&overlooked), 0);
  });
  registrar.join();
  creator.join();
  EXPECT_EQ(of_the_late_one.of(v), 1);
  EXPECT_EQ(of_the_late_one.of(khelp_vnet_default()), 1);
  EXPECT_EQ(khelp_vnet_deregister_sysinit(&overlooked), 0);
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
}

TEST(instance, conformance_41_a_constructor_registered_by_a_constructor_runs_once_in_each) {
  notes.clear();
  static const khelp_sysinit before = function_at(early, 0, note, "before");
  static const khelp_sysinit behind = function_at(late, 9, note, "behind");
  static bool armed;
  armed = false;
  const auto registering = [](const void*) {
    if (!std::exchange(armed, false))
      return;
    EXPECT_EQ(khelp_vnet_register_sysinit(&before), 0);
    EXPECT_EQ(khelp_vnet_register_sysinit(&behind), 0);
  };
  const constructor c(function_at(late, 5, registering, nullptr));
  armed = true;
  khelp_vnet* v = created();
  EXPECT_THAT(notes, ElementsAre("before", "before", "behind", "behind"))
      << "in the default one, and in the one that begins";
  EXPECT_EQ(khelp_vnet_deregister_sysinit(&before), 0);
  EXPECT_EQ(khelp_vnet_deregister_sysinit(&behind), 0);
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
}

TEST(instance, taking_a_destructor_back_runs_it_in_every_instance_and_a_constructor_does_nothing) {
  khelp_vnet* v = created();
  notes.clear();
  {
    const constructor c(function_at(late, 0, note, "+"));
    const destructor d(function_at(late, 0, note, "-"));
    EXPECT_THAT(notes, ElementsAre("+", "+"));
  }
  EXPECT_THAT(notes, ElementsAre("+", "+", "-", "-"));
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_EQ(notes.size(), 4u);
}

TEST(instance, functions_have_a_place_among_those_of_instances) {
  const khelp_sysinit at_vnet = function_at(KHELP_SI_SUB_VNET, 0, note, "");
  const khelp_sysinit behind = function_at(KHELP_SI_SUB_VNET_DONE + 1, 0, note, "");
  const khelp_sysinit none = function_at(late, 0, nullptr, "");
  const khelp_sysinit fine = function_at(late, 0, note, "");
  EXPECT_EQ(khelp_vnet_register_sysinit(&at_vnet), EINVAL);
  EXPECT_EQ(khelp_vnet_register_sysuninit(&behind), EINVAL);
  EXPECT_EQ(khelp_vnet_register_sysinit(&none), EINVAL);
  EXPECT_EQ(khelp_vnet_deregister_sysinit(&fine), ENOENT);
  ASSERT_EQ(khelp_vnet_register_sysuninit(&fine), 0);
  EXPECT_EQ(khelp_vnet_register_sysuninit(&fine), EEXIST);
  EXPECT_EQ(khelp_vnet_deregister_sysuninit(&fine), 0);
}

TEST(instance, one_whose_constructor_throws_is_undone) {
  notes.clear();
  static bool armed;
  armed = false;
  const auto failing = [](const void*) {
    if (armed)
      throw std::runtime_error("no room for it");
  };
  const destructor of_later(function_at(late, 9, note, "-later"));
  const destructor of_first(function_at(late, 1, note, "-first"));
  const constructor second(function_at(late, 5, failing, nullptr));
  const destructor of_failing(function_at(late, 5, note, "-failing"));
  const constructor third(function_at(late, 9, note, "later"));
  const auto leave_a_point = [](const void* type) {
    khelp_hhook_head_register(*static_cast<const std::int32_t*>(type), 0, nullptr,
                              KHELP_HHOOK_HEADISINVNET);
  };
  const std::int32_t type = fresh_type();
  const constructor first(function_at(late, 1, leave_a_point, &type));
  notes.clear();
  armed = true;
  const auto before = listed();
  {
    const listening to;
    EXPECT_EQ(khelp_vnet_alloc(nullptr), nullptr);
    EXPECT_THAT(khelp_failure_text(), HasSubstr("no room for it"));
    ASSERT_EQ(to.words.size(), 1u);
    EXPECT_THAT(to.words[0], HasSubstr("left in an instance that ends"));
  }
  armed = false;
  EXPECT_THAT(notes, ElementsAre("-first"));
  EXPECT_EQ(listed(), before);
  const current in(khelp_vnet_default());
  EXPECT_EQ(khelp_hhook_head_deregister_lookup(type, 0), 0);
}

TEST(instance, at_the_place_of_one_that_throws_what_was_registered_before_it_is_undone) {
  notes.clear();
  const constructor first(function_at(late, 5, note, "first"));
  const destructor of_first(function_at(late, 5, note, "-first"));
  const auto throw_in_others = [](const void*) {
    if (khelp_vnet_current() != khelp_vnet_default())
      throw std::runtime_error("no room for it");
  };
  const constructor second(function_at(late, 5, throw_in_others, nullptr));
  const destructor of_second(function_at(late, 5, note, "-second"));
  notes.clear();
  int error = 0;
  EXPECT_EQ(khelp_vnet_alloc(&error), nullptr);
  EXPECT_EQ(error, ECANCELED);
  EXPECT_THAT(notes, ElementsAre("first", "-first"));
}

TEST(instance, a_file_whose_function_throws_in_one_instance_is_undone_in_those_before) {
  notes.clear();
  khelp_vnet* other = created();
  static khelp_vnet* unlucky;
  unlucky = other;
  static const auto at_start = [](const void* words) {
    note(words);
    if (khelp_vnet_current() == unlucky)
      throw std::runtime_error("not in this one");
  };
  const auto in_each = [](std::uint16_t kind, void (*function)(const void*), const char* words) {
    return khelp_sysinit{late, 5, kind, 0, function, words};
  };
  const khelp_sysinit starts = in_each(KHELP_SYSINIT_INSTANCE_START, at_start, "begin");
  const khelp_sysinit ends = in_each(KHELP_SYSINIT_INSTANCE_END, note, "end");
  const khelp_sysinit calls = in_each(KHELP_SYSINIT_CALL, note, "the file begins");
  const khelp_sysinit last_call = in_each(KHELP_SYSINIT_CALL, note, "the file ends");
  const khelp_sysinit* const begin[] = {&calls, &starts, &ends};
  const khelp_sysinit* const end[] = {&last_call, &starts, &ends};
  khelp_file_sets sets{};
  sets.size = sizeof sets;
  sets.file = &calls;
  sets.starts = begin;
  sets.starts_end = std::end(begin);
  sets.ends = end;
  sets.ends_end = std::end(end);
  EXPECT_EQ(khelp_file_start(&sets), ECANCELED);
  EXPECT_THAT(notes, ElementsAre("the file begins", "begin", "begin", "end", "the file ends"));
  EXPECT_EQ(khelp_vnet_destroy(other), 0);
}

TEST(instance, a_constructor_that_throws_in_one_that_is_there_is_not_registered) {
  const khelp_sysinit throwing = function_at(
      late, 0, [](const void*) { throw std::runtime_error("not here"); }, nullptr);
  EXPECT_EQ(khelp_vnet_register_sysinit(&throwing), ECANCELED);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("not here"));
  EXPECT_EQ(khelp_vnet_deregister_sysinit(&throwing), ENOENT);
}

TEST(instance, points_may_be_registered_from_si_sub_hhook_on) {
  static std::int32_t type;
  type = fresh_type();
  static std::vector<int> answers;
  answers.clear();
  const auto registering = [](const void*) {
    answers.push_back(khelp_hhook_head_register(type, 0, nullptr, KHELP_HHOOK_HEADISINVNET));
    khelp_hhook_head_deregister_lookup(type, 0);
  };
  khelp_vnet* v = nullptr;
  {
    const constructor at_once(function_at(early, 0, registering, nullptr));
    const constructor later(function_at(KHELP_SI_SUB_HHOOK, 0, registering, nullptr));
    answers.clear();
    v = created();
    EXPECT_THAT(answers, ElementsAre(EINVAL, 0));
  }
  const destructor first(function_at(KHELP_SI_SUB_HHOOK, 0, registering, nullptr));
  const destructor second(function_at(early, 0, registering, nullptr));
  answers.clear();
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_THAT(answers, ElementsAre(0, EINVAL)) << "until the destructors have passed it";
}

TEST(instance, conformance_14_points_that_are_left_are_reported_and_freed) {
  khelp_vnet* v = created();
  const std::int32_t type = fresh_type();
  point_in(v, type);
  point_in(v, fresh_type());
  const listening to;
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  ASSERT_EQ(to.words.size(), 2u);
  EXPECT_THAT(to.words[0], HasSubstr(std::to_string(type) + "/0: left in an instance that ends"));
}

TEST(instance, a_variable_begins_as_its_first_value_in_every_instance) {
  khelp_vnet* older = created();
  struct sixty_four {
    alignas(64) int value = 7;
  };
  variable<sixty_four> ttl;
  khelp_vnet* younger = created();
  for (khelp_vnet* v : {khelp_vnet_default(), older, younger}) {
    EXPECT_EQ(ttl.of(v).value, 7);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&ttl.of(v)) % 64, 0u);
  }
  ttl.of(older).value = 1;
  ttl.of(younger).value = 2;
  EXPECT_EQ(ttl.of(older).value, 1);
  EXPECT_EQ(ttl.of(khelp_vnet_default()).value, 7);
  khelp_vnet* youngest = created();
  EXPECT_EQ(ttl.of(youngest).value, 7);
  for (khelp_vnet* v : {older, younger, youngest})
    EXPECT_EQ(khelp_vnet_destroy(v), 0);
}

TEST(instance, variables_lie_in_their_templates_and_blocks_run_out) {
  int template_bytes[2] = {1, 2};
  int other = 3;
  khelp_vnet_variable outside{&other, 0, 0};
  EXPECT_EQ(khelp_vnet_variables_add(template_bytes, sizeof template_bytes, &outside, 1), EINVAL);
  EXPECT_EQ(khelp_vnet_variables_remove(&outside, 1), ENOENT);
  {
    variable<int> there(1);
    there.of(khelp_vnet_default()) = 5;
    khelp_vnet_variable again = there.place;
    EXPECT_EQ(khelp_vnet_variables_add(&there.initial, sizeof there.initial, &again, 1), EEXIST);
    EXPECT_EQ(there.of(khelp_vnet_default()), 5);
  }
  std::vector<std::unique_ptr<variable<int>>> all;
  int answer = 0;
  while (answer == 0) {
    khelp_vnet_variable one{&other, 0, 0};
    answer = khelp_vnet_variables_add(&other, sizeof other, &one, 1);
    if (answer == 0) {
      EXPECT_EQ(khelp_vnet_variables_remove(&one, 1), 0);
      all.push_back(std::make_unique<variable<int>>());
    }
  }
  EXPECT_EQ(answer, ENOSPC);
  EXPECT_GE(all.size(), 256u);
}

TEST(instance, the_list_stays_while_it_is_held) {
  const auto before = listed();
  EXPECT_EQ(before.front(), khelp_vnet_default());
  static std::latch* nearly;
  std::latch nearly_there(1);
  nearly = &nearly_there;
  static bool armed;
  armed = false;
  const constructor last(function_at(
      KHELP_SI_SUB_VNET_DONE, 0,
      [](const void*) {
        if (armed)
          nearly->count_down();
      },
      nullptr));
  armed = true;
  khelp_vnet_list_lock();
  khelp_vnet* v = nullptr;
  std::thread creator([&] { v = created(); });
  nearly_there.wait();
  EXPECT_EQ(listed(), before);
  EXPECT_EQ(khelp_vnet_alloc(nullptr), nullptr) << "who holds it would wait for itself";
  EXPECT_EQ(khelp_vnet_destroy(khelp_vnet_default()), EDEADLK);
  khelp_vnet_list_unlock();
  creator.join();
  auto after = before;
  after.push_back(v);
  EXPECT_EQ(listed(), after);
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_EQ(listed(), before);
}

TEST(instance, one_that_has_sockets_or_is_gone_is_not_ended) {
  khelp_vnet* v = created();
  v->vnet_sockcnt = 1;
  EXPECT_EQ(khelp_vnet_destroy(v), EBUSY);
  v->vnet_sockcnt = 0;
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_EQ(khelp_vnet_destroy(v), ENOENT);
}

TEST(instance, none_begins_or_ends_inside_a_hook) {
  khelp_vnet* v = created();
  const std::int32_t type = fresh_type();
  khelp_hhook_head* head = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0);
  const auto inside = [](std::int32_t, std::int32_t, void* which, void*, void*, khelp_osd*) {
    const khelp_sysinit function = function_at(late, 0, note, "");
    EXPECT_EQ(khelp_vnet_alloc(nullptr), nullptr);
    EXPECT_EQ(khelp_vnet_destroy(static_cast<khelp_vnet*>(which)), EDEADLK);
    EXPECT_EQ(khelp_vnet_register_sysinit(&function), EDEADLK);
    return 0;
  };
  khelp_hookinfo hook = hook_at(type, inside, v);
  ASSERT_EQ(khelp_hhook_add_hook(head, &hook, 0), 0);
  khelp_hhook_run_hooks(head, nullptr, nullptr);
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
}

TEST(instance, conformance_42_its_data_stays_until_the_hooks_that_ran_in_it_have_left) {  // V-2
  struct scene {
    variable<int> value{5};
    std::latch in_hook{1};
    std::latch destructor_ran{1};
    khelp_vnet* v = nullptr;
    std::atomic<bool> ended = false;
    bool ended_under_the_hook = false;
    int seen = 0;
  } s;
  s.v = created();
  const std::int32_t type = fresh_type();
  khelp_hhook_head* head = nullptr;  // not of an instance: nothing else waits for its runs
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0);
  const auto reading = [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
    auto& scene_of = *static_cast<scene*>(udata);
    const current in(scene_of.v);
    scene_of.in_hook.count_down();
    scene_of.destructor_ran.wait();
    for (int i = 0; i < 1000; ++i) {
      std::this_thread::yield();
      scene_of.seen = scene_of.value.of(khelp_vnet_current());
    }
    scene_of.ended_under_the_hook = scene_of.ended;
    return 0;
  };
  khelp_hookinfo hook = hook_at(type, reading, &s);
  ASSERT_EQ(khelp_hhook_add_hook(head, &hook, 0), 0);
  const auto ending = [](const void* of) {
    auto& scene_of = *static_cast<scene*>(const_cast<void*>(of));
    if (khelp_vnet_current() == scene_of.v)
      scene_of.destructor_ran.count_down();
  };
  const destructor d(function_at(early, 0, ending, &s));
  std::thread runner([&] { khelp_hhook_run_hooks(head, nullptr, nullptr); });
  s.in_hook.wait();
  EXPECT_EQ(khelp_vnet_destroy(s.v), 0);
  s.ended = true;
  runner.join();
  EXPECT_FALSE(s.ended_under_the_hook);
  EXPECT_EQ(s.seen, 5);
  s.v = nullptr;
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
}

TEST(instance, a_hook_that_was_taken_off_one_and_added_again_is_there_once) {
  const std::int32_t type = fresh_type();
  int calls = 0;
  khelp_hookinfo hook = hook_at(type, count, &calls);
  khelp_vnet* a = created();
  khelp_hhook_head* in_a = point_in(a, type);
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), 0);
  ASSERT_EQ(khelp_hhook_remove_hook(in_a, &hook), 0);
  EXPECT_EQ(in_a->hhh_nhooks, 0u);
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), 0) << "it is nowhere: it may come again";
  EXPECT_EQ(in_a->hhh_nhooks, 1u);
  khelp_vnet* b = created();
  khelp_hhook_head* in_b = point_in(b, type);
  EXPECT_EQ(in_b->hhh_nhooks, 1u);
  // While it is somewhere, it is there already; where it was taken off it is added by itself.
  ASSERT_EQ(khelp_hhook_remove_hook(in_a, &hook), 0);
  EXPECT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), EEXIST);
  EXPECT_EQ(khelp_hhook_add_hook(in_a, &hook, 0), 0);
  EXPECT_EQ(in_a->hhh_nhooks, 1u);
  khelp_hhook_head_deregister(in_a);
  in_a = point_in(a, type);
  EXPECT_LE(in_a->hhh_nhooks, 1u);
  EXPECT_EQ(khelp_hhook_remove_hook_lookup(&hook), 0);
  EXPECT_EQ(in_b->hhh_nhooks, 0u);
  EXPECT_EQ(khelp_vnet_destroy(a), 0);
  EXPECT_EQ(khelp_vnet_destroy(b), 0);
}

TEST(instance, a_helper_is_limited_to_the_instances_that_are_named) {
  const std::int32_t type = fresh_type();
  static int calls;
  calls = 0;
  const auto count_here = [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
    return ++calls, 0;
  };
  khelp_vnet* a = created();
  khelp_vnet* b = created();
  khelp_hhook_head* in_a = point_in(a, type);
  khelp_hhook_head* in_b = point_in(b, type);
  khelp_hookinfo_x hooks[2]{};
  for (khelp_hookinfo_x& hook : hooks) {
    hook.size = sizeof hook;
    hook.hook = hook_at(type, count_here, &hook);
  }
  hooks[1].hook.hook_type = fresh_type();
  khelp_helper_x x{};
  x.size = sizeof x;
  x.version = 1;
  x.name = "limited";
  x.hooks = hooks;
  x.nhooks = 2;
  khelp_hhook_head* of_all = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(hooks[1].hook.hook_type, 0, &of_all, 0), 0);
  ASSERT_EQ(khelp_helper_limit("limited", &a, 1), 0) << "also before it is loaded";
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  EXPECT_EQ(in_a->hhh_nhooks, 1u);
  EXPECT_EQ(in_b->hhh_nhooks, 0u);
  EXPECT_EQ(of_all->hhh_nhooks, 1u) << "a point of no instance is not concerned";
  ASSERT_EQ(khelp_helper_limit("limited", &b, 1), 0);
  EXPECT_EQ(in_a->hhh_nhooks, 0u);
  EXPECT_EQ(in_b->hhh_nhooks, 1u);
  khelp_vnet* c = created();
  EXPECT_EQ(point_in(c, type)->hhh_nhooks, 0u);
  EXPECT_EQ(khelp_vnet_destroy(b), 0);
  EXPECT_EQ(in_a->hhh_nhooks, 0u) << "a limit to nothing is a limit";
  ASSERT_EQ(khelp_helper_limit("limited", nullptr, 0), 0);
  EXPECT_EQ(in_a->hhh_nhooks, 1u);
  khelp_hhook_run_hooks(in_a, nullptr, nullptr);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(khelp_helper_limit("", nullptr, 0), EINVAL);
  EXPECT_EQ(khelp_helper_limit("limited", nullptr, 1), EINVAL);
  khelp_vnet* const gone = b;
  EXPECT_EQ(khelp_helper_limit("limited", &gone, 1), ENOENT);
  EXPECT_EQ(in_a->hhh_nhooks, 1u) << "a refusal changes nothing";
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(of_all), 0);
  EXPECT_EQ(khelp_vnet_destroy(a), 0);
  EXPECT_EQ(khelp_vnet_destroy(c), 0);
}

TEST(instance, a_child_makes_and_ends_instances_while_the_parents_thread_made_one) {
  static std::latch* creating;
  static std::latch* forked;
  std::latch in_constructor(1);
  std::latch has_forked(1);
  creating = &in_constructor;
  forked = &has_forked;
  static std::atomic<bool> armed;
  armed = false;
  const constructor holding(function_at(
      late, 0,
      [](const void*) {
        if (!armed.exchange(false))
          return;
        creating->count_down();
        forked->wait();
      },
      nullptr));
  armed = true;
  khelp_vnet* v = nullptr;
  std::thread creator([&] { v = created(); });
  in_constructor.wait();
  const pid_t child = fork();
  if (child == 0) {
    khelp_vnet* mine = khelp_vnet_alloc(nullptr);
    const bool fine = mine != nullptr && khelp_vnet_destroy(mine) == 0 && listed().size() == 1;
    _exit(fine ? 0 : 1);
  }
  has_forked.count_down();
  creator.join();
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
}

TEST(instance, a_cancelled_thread_finishes_the_one_it_makes) {
  notes.clear();
  const constructor cancelled(function_at(
      late, 0,
      [](const void*) {
        pthread_testcancel();
        notes.emplace_back("made");
      },
      nullptr));
  notes.clear();
  std::latch go(1);
  khelp_vnet* v = nullptr;
  std::thread creator([&] {
    go.wait();
    v = created();
  });
  pthread_cancel(creator.native_handle());
  go.count_down();
  creator.join();
  ASSERT_NE(v, nullptr);
  EXPECT_THAT(notes, ElementsAre("made"));
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
}
