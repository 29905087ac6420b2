// Instances, their variables and functions, a file's start and end.
#include <cerrno>
#include <iterator>
#include <vector>

#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/sysinit.h>
#include <khelp/vnet.h>

#include "fixtures.hpp"

namespace alloc {
namespace {

khelp_vnet* vnet = nullptr;
void make_vnet() {
  vnet = khelp_vnet_alloc(nullptr);
  demand(vnet != nullptr, "an instance");
  khelp_vnet_set_current(vnet);
  demand(khelp_hhook_head_register(type, 9, nullptr, KHELP_HHOOK_HEADISINVNET) == 0, "its point");
}
void end_vnet() {
  khelp_vnet_set_current(nullptr);
  if (vnet != nullptr)
    demand(khelp_vnet_destroy(vnet) == 0, "its end");
  vnet = nullptr;
}
void no_step(const void*) {}
const khelp_sysinit a_start = {
    KHELP_SI_SUB_HHOOK, 1, KHELP_SYSINIT_INSTANCE_START, 0, no_step, nullptr};
const khelp_sysinit an_end = {
    KHELP_SI_SUB_HHOOK, 1, KHELP_SYSINIT_INSTANCE_END, 0, no_step, nullptr};
const khelp_sysinit a_call = {KHELP_SI_SUB_KLD, 1, KHELP_SYSINIT_CALL, 0, no_step, nullptr};
int per_instance = 5;
khelp_vnet_variable variable = {&per_instance, 0, 0};
void make_variable() {
  demand(khelp_vnet_variables_add(&per_instance, sizeof per_instance, &variable, 1) == 0,
         "a variable per instance");
}
void end_variable() {
  khelp_vnet_variables_remove(&variable, 1);
}
khelp_file_sets a_file() {
  static const khelp_sysinit* const starts[] = {&a_start, &an_end, &a_call};
  khelp_file_sets sets{};
  sets.size = sizeof sets;
  sets.file = &a_call;
  sets.starts = starts;
  sets.starts_end = std::end(starts);
  sets.ends = starts;
  sets.ends_end = std::end(starts);
  sets.templates = &per_instance;
  sets.templates_end = &per_instance + 1;
  sets.variables = &variable;
  sets.variables_end = &variable + 1;
  return sets;
}
int start_file() {
  const khelp_file_sets sets = a_file();
  return khelp_file_start(&sets);
}
int stop_file() {
  const khelp_file_sets sets = a_file();
  return khelp_file_stop(&sets);
}

}  // namespace

std::vector<row> rows_of_instances() {
  return {
      // instances
      {"khelp_vnet_alloc", nothing, [] { return made(vnet = khelp_vnet_alloc(nullptr)); },
       end_vnet},
      {"khelp_vnet_destroy", make_vnet,
       [] {
         const int answer = khelp_vnet_destroy(vnet);
         if (answer == 0)
           vnet = nullptr;
         return answer;
       },
       end_vnet},
      {"khelp_vnet_alloc with points that helpers wait for", make_loaded,
       [] { return made(vnet = khelp_vnet_alloc(nullptr)); },
       [] {
         end_vnet();
         end_loaded();
       }},
      {"khelp_vnet_alloc with a variable and functions",
       [] { demand(start_file() == 0, "a file"); },
       [] { return made(vnet = khelp_vnet_alloc(nullptr)); },
       [] {
         end_vnet();
         demand(stop_file() == 0, "its end");
       }},
      {"khelp_helper_limit",
       [] {
         make_loaded();
         vnet = khelp_vnet_alloc(nullptr);
         demand(vnet != nullptr, "an instance");
         khelp_vnet_set_current(vnet);
         demand(khelp_hhook_head_register(type, 2, nullptr, KHELP_HHOOK_HEADISINVNET) == 0,
                "its point");
       },
       [] { return khelp_helper_limit("a_helper", &vnet, 0); },
       [] {
         demand(khelp_helper_limit("a_helper", nullptr, 0) == 0, "no limit");
         end_vnet();
         end_loaded();
       }},
      {"khelp_vnet_default",
       nothing,
       [] { return khelp_vnet_default() != nullptr ? 0 : silent; },
       nothing,
       {},
       reason_static},
      {"khelp_vnet_list_lock",
       nothing,
       [] {
         khelp_vnet_list_lock();
         return 0;
       },
       khelp_vnet_list_unlock,
       {},
       "counts"},
      {"khelp_vnet_list_unlock",
       khelp_vnet_list_lock,
       [] {
         khelp_vnet_list_unlock();
         return 0;
       },
       nothing,
       {},
       "counts"},
      {"khelp_vnet_next",
       nothing,
       [] { return khelp_vnet_next(nullptr) != nullptr ? 0 : silent; },
       nothing,
       {},
       "looks in the list"},
      {"khelp_vnet_register_sysinit", nothing, [] { return khelp_vnet_register_sysinit(&a_start); },
       [] { khelp_vnet_deregister_sysinit(&a_start); }},
      {"khelp_vnet_deregister_sysinit",
       [] { demand(khelp_vnet_register_sysinit(&a_start) == 0, "a constructor"); },
       [] { return khelp_vnet_deregister_sysinit(&a_start); }, nothing},
      {"khelp_vnet_register_sysuninit", nothing,
       [] { return khelp_vnet_register_sysuninit(&an_end); },
       [] { khelp_vnet_deregister_sysuninit(&an_end); }},
      {"khelp_vnet_deregister_sysuninit",
       [] { demand(khelp_vnet_register_sysuninit(&an_end) == 0, "a destructor"); },
       [] { return khelp_vnet_deregister_sysuninit(&an_end); }, nothing},
      {"khelp_vnet_variables_add", make_vnet,
       [] { return khelp_vnet_variables_add(&per_instance, sizeof per_instance, &variable, 1); },
       [] {
         end_variable();
         end_vnet();
       }},
      {"khelp_vnet_variables_remove", make_variable,
       [] { return khelp_vnet_variables_remove(&variable, 1); }, nothing},
      {"khelp_file_start", nothing, start_file, [] { stop_file(); }},
      {"khelp_file_stop", [] { demand(start_file() == 0, "a file"); }, stop_file, nothing},
      {"khelp_vnet_current",
       nothing,
       [] { return khelp_vnet_current() == nullptr ? 0 : silent; },
       nothing,
       {},
       reason_thread},
      {"khelp_vnet_set_current",
       nothing,
       [] { return khelp_vnet_set_current(nullptr) == nullptr ? 0 : silent; },
       nothing,
       {},
       reason_thread},
  };
}

}  // namespace alloc
