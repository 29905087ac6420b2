// Hook points, and hooks added, removed and run.
#include <vector>

#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/stats.h>

#include "alloc_failing.hpp"
#include "fixtures.hpp"

namespace alloc {
namespace {

int throw_once(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ++calls;
  throw 1;
}
khelp_hookinfo a_hook = hook_of(count_call);
khelp_hookinfo_x a_hook_x = hook_x(0, nullptr);
void make_hooked_point() {
  make_points();
  demand(khelp_hhook_add_hook_lookup(&a_hook, 0) == 0, "a hook");
}
void end_hooked_point() {
  khelp_hhook_remove_hook_lookup(&a_hook);
  end_points();
}
void make_object_before_helper() {
  make_points();
  demand(khelp_init_osd(object_class, &object) == 0, "an object");
  load_helper();
}

int ran(khelp_skip reason) {
  struct found {
    std::uint64_t skipped = 0;
    khelp_skip reason;
  } f{0, reason};
  khelp_stats_helpers(
      [](void* arg, const khelp_helper_stat* stat) {
        auto& to = *static_cast<found*>(arg);
        to.skipped += stat->skipped[to.reason];
      },
      &f);
  return f.skipped != 0 ? ENOMEM : silent;
}

}  // namespace

std::vector<row> rows_of_points() {
  return {
      // points
      {"khelp_hhook_head_register", nothing,
       [] { return khelp_hhook_head_register(type, 0, &head, 0); },
       [] { khelp_hhook_head_deregister_lookup(type, 0); }},
      {"khelp_hhook_head_register with hooks that wait",
       [] { demand(khelp_hhook_add_hook_lookup(&a_hook, 0) == 0, "a wish"); },
       [] { return khelp_hhook_head_register(type, 0, &head, 0); },
       [] {
         khelp_hhook_head_deregister_lookup(type, 0);
         khelp_hhook_remove_hook_lookup(&a_hook);
       }},
      {"khelp_hhook_head_register_x", nothing,
       [] {
         khelp_hhook_head_x x{};
         x.size = sizeof x;
         x.name = "a point with a name that is longer than a small string";
         x.event = "an event with a name that is longer than a small string";
         x.fingerprint = 7;
         return khelp_hhook_head_register_x(type, 0, nullptr, &head, &x);
       },
       [] { khelp_hhook_head_deregister_lookup(type, 0); }},
      {"khelp_hhook_head_deregister", make_loaded, [] { return khelp_hhook_head_deregister(head); },
       [] {
         khelp_hhook_head_deregister_lookup(type, 0);
         khelp_hhook_head_deregister(second);
         khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
       }},
      {"khelp_hhook_head_deregister_lookup", make_loaded,
       [] { return khelp_hhook_head_deregister_lookup(type, 0); },
       [] {
         khelp_hhook_head_deregister_lookup(type, 0);
         khelp_hhook_head_deregister(second);
         khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
       }},
      {"khelp_hhook_head_deregister_timed", make_loaded,
       [] { return khelp_hhook_head_deregister_timed(head, KHELP_TIMEOUT_DEFAULT); },
       [] {
         khelp_hhook_head_deregister_lookup(type, 0);
         khelp_hhook_head_deregister(second);
         khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
       }},
      {"khelp_hhook_head_get",
       make_points,
       [] {
         khelp_hhook_head* got = khelp_hhook_head_get(type, 0);
         if (got != nullptr)
           khelp_hhook_head_release(got);
         return got != nullptr ? 0 : silent;
       },
       end_points,
       {},
       "looks in the registry"},
      {"khelp_hhook_head_release",
       make_points,
       [] {
         khelp_hhook_head_release(khelp_hhook_head_get(type, 0));
         return 0;
       },
       end_points,
       {},
       "counts down; a point that ends then is only freed"},
      {"khelp_hhook_head_is_virtualised",
       make_points,
       [] { return static_cast<int>(khelp_hhook_head_is_virtualised(head)); },
       end_points,
       {},
       reason_word_only},
      {"khelp_hhook_head_is_virtualised_lookup",
       make_points,
       [] { return static_cast<int>(khelp_hhook_head_is_virtualised_lookup(type, 0)); },
       end_points,
       {},
       "looks in the registry"},
      {"khelp_hhook_name", nothing,
       [] {
         std::int32_t t = 0;
         std::int32_t i = 0;
         return khelp_hhook_name("a name that is longer than a small string is", &t, &i);
       },
       nothing},
      // hooks
      {"khelp_hhook_add_hook", make_points, [] { return khelp_hhook_add_hook(head, &a_hook, 0); },
       end_hooked_point},
      {"khelp_hhook_add_hook_lookup", make_points,
       [] { return khelp_hhook_add_hook_lookup(&a_hook, 0); }, end_hooked_point},
      {"khelp_hhook_add_hook_lookup of no point", nothing,
       [] { return khelp_hhook_add_hook_lookup(&a_hook, 0); },
       [] { khelp_hhook_remove_hook_lookup(&a_hook); }},
      {"khelp_hhook_add_hook_x", make_points, [] { return khelp_hhook_add_hook_x(&a_hook_x, 0); },
       end_hooked_point},
      {"khelp_add_hhook", make_points, [] { return khelp_add_hhook(&a_hook, 0); },
       end_hooked_point},
      {"khelp_hhook_remove_hook", make_hooked_point,
       [] { return khelp_hhook_remove_hook(head, &a_hook); }, end_hooked_point},
      {"khelp_hhook_remove_hook_lookup", make_hooked_point,
       [] { return khelp_hhook_remove_hook_lookup(&a_hook); }, end_hooked_point},
      {"khelp_hhook_remove_hook_x", make_hooked_point,
       [] {
         std::uint32_t removed = 0;
         return khelp_hhook_remove_hook_x(&a_hook, &removed);
       },
       end_hooked_point},
      {"khelp_hhook_remove_hook_timed", make_hooked_point,
       [] {
         return khelp_hhook_remove_hook_timed(nullptr, &a_hook, KHELP_TIMEOUT_DEFAULT, nullptr);
       },
       end_hooked_point},
      {"khelp_hhook_remove_hook_timed at one point", make_hooked_point,
       [] { return khelp_hhook_remove_hook_timed(head, &a_hook, KHELP_TIMEOUT_DEFAULT, nullptr); },
       end_hooked_point},
      {"khelp_remove_hhook", make_hooked_point, [] { return khelp_remove_hhook(&a_hook); },
       end_hooked_point},
      {"khelp_hhook_resume_hook",
       [] {
         make_points();
         khelp_hookinfo throwing = hook_of(throw_once);
         demand(khelp_hhook_add_hook_lookup(&throwing, 0) == 0, "a hook");
         khelp_hhook_run_hooks(head, nullptr, nullptr);
       },
       [] {
         khelp_hookinfo throwing = hook_of(throw_once);
         return khelp_hhook_resume_hook(&throwing);
       },
       [] {
         khelp_hookinfo throwing = hook_of(throw_once);
         khelp_hhook_remove_hook_lookup(&throwing);
         end_points();
       }},
      {"khelp_hhook_synchronize", make_hooked_point,
       [] { return khelp_hhook_synchronize(nullptr); }, end_hooked_point},
      {"khelp_hhook_synchronize_timed", make_hooked_point,
       [] { return khelp_hhook_synchronize_timed(nullptr, KHELP_TIMEOUT_DEFAULT); },
       end_hooked_point},
      {"khelp_hhook_suspend", make_loaded,
       [] { return khelp_hhook_suspend("a_helper", "4103/0", nullptr); }, end_loaded},
      {"khelp_hhook_resume",
       [] {
         make_loaded();
         demand(khelp_hhook_suspend("a_helper", nullptr, nullptr) == 0, "hooks are suspended");
       },
       [] { return khelp_hhook_resume("a_helper", "4103/0", nullptr); }, end_loaded},
      // runs: enrolment may fail, and the hook runs all the same
      {"khelp_hhook_run_hooks", make_hooked_point,
       [] {
         calls = 0;
         khelp_hhook_run_hooks(head, nullptr, nullptr);
         return calls == 1 ? 0 : silent;
       },
       end_hooked_point},
      {"khelp_hhook_run_hooks_result", make_hooked_point,
       [] {
         calls = 0;
         const int answer = khelp_hhook_run_hooks_result(head, nullptr, nullptr);
         return calls == 1 && answer == 0 ? 0 : silent;
       },
       end_hooked_point},
      {"khelp_hhook_run_hooks_lookup", make_hooked_point,
       [] {
         calls = 0;
         khelp_hhook_run_hooks_lookup(type, 0, nullptr, nullptr);
         return calls == 1 ? 0 : silent;
       },
       end_hooked_point},
      {"khelp_hhook_run_hooks that adopts an object", make_object_before_helper,
       [] {
         calls = 0;
         khelp_hhook_run_hooks(second, nullptr, &object);
         disarm();
         return calls == 1 ? 0 : ran(KHELP_SKIP_NO_MEMORY);
       },
       end_loaded},
      {"khelp_hhook_run_hooks of a hook that throws",
       [] {
         make_points();
         khelp_hookinfo throwing = hook_of(throw_once);
         demand(khelp_hhook_add_hook_lookup(&throwing, 0) == 0, "a hook");
       },
       [] {
         khelp_hookinfo throwing = hook_of(throw_once);
         calls = 0;
         khelp_hhook_run_hooks(head, nullptr, nullptr);
         khelp_hhook_run_hooks(head, nullptr, nullptr);
         disarm();
         return calls == 1 && khelp_hhook_resume_hook(&throwing) == 0 ? 0 : silent;
       },
       [] {
         khelp_hookinfo throwing = hook_of(throw_once);
         khelp_hhook_remove_hook_lookup(&throwing);
         end_points();
       }},
  };
}

}  // namespace alloc
