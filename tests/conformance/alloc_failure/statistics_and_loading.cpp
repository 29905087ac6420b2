// Statistics, records, the log, clocks, samples; loading files and looking them up.
#include <cerrno>
#include <cstring>
#include <vector>

#include <khelp/clock.h>
#include <khelp/error.h>
#include <khelp/linker.h>
#include <khelp/loader.h>
#include <khelp/log.h>
#include <khelp/sample.h>
#include <khelp/stats.h>

#include "fixtures.hpp"

namespace alloc {

namespace {

struct of_one_field {
  int first;
};

}  // namespace

std::vector<row> rows_of_statistics_and_loading() {
  return {
      // statistics, words, time
      {"khelp_stats_hooks", make_loaded,
       [] { return khelp_stats_hooks([](void*, const khelp_hook_stat*) {}, nullptr); }, end_loaded},
      {"khelp_stats_helpers", make_loaded,
       [] { return khelp_stats_helpers([](void*, const khelp_helper_stat*) {}, nullptr); },
       end_loaded},
      {"khelp_stats_timing", make_loaded, [] { return khelp_stats_timing(1); },
       [] {
         khelp_stats_timing(0);
         end_loaded();
       }},
      {"khelp_event_declare", nothing,
       [] { return khelp_event_declare("an event of a name longer than a small string", 5); },
       nothing},
      {"khelp_event_declare_fields", nothing,
       [] {
         static const struct {
           khelp_modinfo_fields table;
           khelp_event_field fields[1];
         } record = KHELP_EVENT_FIELDS("an event whose fields were not declared before",
                                       of_one_field, first);
         return khelp_event_declare_fields(&record.table);
       },
       nothing},
      {"khelp_event_fields", nothing,
       [] {
         const int error = khelp_event_fields(
             "an event that nobody has declared before",
             [](void*, const khelp_event_field*) { return 0; }, nullptr);
         return error == ENOENT ? 0 : error;
       },
       nothing},
      {"khelp_event_fingerprint", nothing,
       [] {
         const bool none = khelp_event_fingerprint("an event that nobody has declared before") == 0;
         return none ? 0 : silent;
       },
       nothing},
      {"khelp_log_set_sink",
       nothing,
       [] { return khelp_log_set_sink([](void*, int, const char*) {}, nullptr); },
       nothing,
       {ENOMEM},
       nullptr,
       "a sink may be in use: log.h says so"},
      {"khelp_failure_text",
       nothing,
       [] { return khelp_failure_text() != nullptr ? 0 : silent; },
       nothing,
       {},
       reason_thread},
      {"khelp_strerror",
       nothing,
       [] {
         return khelp_strerror(EINVAL) != nullptr && khelp_strerror(99999) != nullptr ? 0 : silent;
       },
       nothing,
       {},
       reason_static},
      {"khelp_skip_name",
       nothing,
       [] { return khelp_skip_name(0) != nullptr ? 0 : silent; },
       nothing,
       {},
       reason_static},
      {"khelp_clock_ns",
       nothing,
       [] { return khelp_clock_ns() > 0 ? 0 : silent; },
       nothing,
       {},
       reason_thread},
      {"khelp_clock_ticks",
       nothing,
       [] {
         khelp_clock_ticks();
         return 0;
       },
       nothing,
       {},
       reason_thread},
      {"khelp_clock_set",
       nothing,
       [] {
         khelp_clock_set(5);
         return 0;
       },
       khelp_clock_reset,
       {},
       reason_thread},
      {"khelp_clock_reset",
       nothing,
       [] {
         khelp_clock_reset();
         return 0;
       },
       nothing,
       {},
       reason_thread},
      {"khelp_sample",
       nothing,
       [] {
         khelp_sample("helper", "field", &object, 5);
         return 0;
       },
       nothing,
       {},
       "hands on to the program's sink"},
      {"khelp_sample_set_sink",
       nothing,
       [] { return khelp_sample_set_sink(nullptr) == nullptr ? 0 : silent; },
       nothing,
       {},
       "exchanges a pointer"},
      // the loader; every allocation of it: host.loader_memory_test
      {"khelp_load", nothing,
       [] { return khelp_load("no-such-module-anywhere", nullptr, &id) == ENOENT ? 0 : ENOMEM; },
       nothing},
      {"khelp_unload", nothing,
       [] {
         const int answer = khelp_unload(99, KHELP_UNLOAD_REFUSE, 0);
         return answer == ENOENT ? 0 : answer;
       },
       nothing},
      {"khelp_module_find", nothing, [] { return khelp_module_find("none") == -1 ? 0 : silent; },
       nothing},
      {"khelp_modules", nothing,
       [] { return khelp_modules([](void*, const khelp_module_info*) {}, nullptr); }, nothing},
      {"khelp_kld_next", nothing, [] { return khelp_kld_next(KHELP_KLD_PROGRAM, &id); }, nothing},
      {"khelp_kld_find", nothing, [] { return khelp_kld_find("kernel", &id); }, nothing},
      {"khelp_kld_stat", nothing,
       [] {
         khelp_kld_info info{};
         info.size = sizeof info;
         return khelp_kld_stat(KHELP_KLD_PROGRAM, &info);
       },
       nothing},
      {"khelp_kld_sym", nothing,
       [] {
         void* address = nullptr;
         return khelp_kld_sym(0, "khelp_kld_sym", &address, nullptr);
       },
       nothing},
      {"khelp_kld_first_module", nothing,
       [] { return khelp_kld_first_module(KHELP_KLD_PROGRAM, &id); }, nothing},
      {"khelp_mod_next", nothing, [] { return khelp_mod_next(0, &id); }, nothing},
      {"khelp_mod_next_in_file", nothing,
       [] {
         const int answer = khelp_mod_next_in_file(99, &id);
         return answer == ENOENT ? 0 : answer;
       },
       nothing},
      {"khelp_mod_find", nothing,
       [] {
         const int answer = khelp_mod_find("none", &id);
         return answer == ENOENT ? 0 : answer;
       },
       nothing},
      {"khelp_mod_stat", nothing,
       [] {
         khelp_mod_info info{};
         info.size = sizeof info;
         const int answer = khelp_mod_stat(99, &info);
         return answer == ENOENT ? 0 : answer;
       },
       nothing},
      {"khelp_check_load", nothing,
       [] {
         khelp_load_options options{};
         options.size = sizeof options;
         const int answer = khelp_check_load(
             "/proc/self/exe", &options, [](void*, int, const char*) {}, nullptr);
         return answer == ENOMEM ? ENOMEM : 0;
       },
       nothing},
      {"khelp_check_file", nothing,
       [] {
         const int answer = khelp_check_file(
             "/proc/self/exe", [](void*, int, const char*) {}, nullptr);
         return answer == ENOMEM ? ENOMEM : 0;
       },
       nothing},
  };
}

}  // namespace alloc
