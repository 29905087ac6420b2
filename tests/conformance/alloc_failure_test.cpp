// Every function that libkhelp.so exports, with the n-th allocation failing, for every n: the
// documented error, nothing leaked, nothing half done, and the same call then succeeds.
//
// Each attempt has a child of a fork to itself: `cold`, where the library has done nothing yet (its
// registries, the thread's record and caches are made by the call), and `warm`, after the same call
// has succeeded and been undone once. A new export without a row here fails.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <khelp/clock.h>
#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/hook_list.h>
#include <khelp/khelp.h>
#include <khelp/linker.h>
#include <khelp/loader.h>
#include <khelp/log.h>
#include <khelp/malloc.h>
#include <khelp/module.h>
#include <khelp/osd.h>
#include <khelp/proc.h>
#include <khelp/sample.h>
#include <khelp/sflt.h>
#include <khelp/sleep.h>
#include <khelp/stats.h>
#include <khelp/sysinit.h>
#include <khelp/uma.h>
#include <khelp/vnet.h>

#include "alloc_failing.hpp"

namespace {

constexpr std::int32_t type = KHELP_HHOOK_TYPE_APP + 7;
constexpr std::uint32_t object_class = KHELP_HELPER_CLASS_APP;
constexpr std::uint32_t keeps = KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT;
constexpr int silent = -1000;      // not done, and nothing was said
constexpr int not_that_many = 42;  // the status of a child in which nothing failed

// ---- what the rows work with ----

khelp_hhook_head* head = nullptr;
khelp_hhook_head* second = nullptr;
khelp_osd object = KHELP_OSD_INITIALIZER;
khelp_uma_zone_t zone = nullptr;
void* item = nullptr;
khelp_vnet* vnet = nullptr;
void** reserved = nullptr;
khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
khelp_malloc_type memory KHELP_MALLOC_TYPE_INITIALIZER("a type", "of the test");
khelp_proc* proc = nullptr;
constexpr int no_wait = KHELP_M_NOWAIT;
int slot = 0;
int calls = 0;
std::int32_t id = 0;

int count_call(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ++calls;
  return 0;
}
int throw_once(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ++calls;
  throw 1;
}
void drop(void*) {}
/// A sink for the last words: they came, so all that is asked of them is done.
void end_well(void*, int, const char*) {
  _exit(alloc::disarm() == 0 ? not_that_many : 0);
}

khelp_hookinfo hook_of(khelp_hhook_func_t fn, std::int32_t at_id = 0) {
  khelp_hookinfo hook{};
  hook.hook_func = fn;
  hook.hook_type = type;
  hook.hook_id = at_id;
  return hook;
}
khelp_hookinfo a_hook = hook_of(count_call);

khelp_hookinfo_x hook_x(std::int32_t at_id, void* udata) {
  khelp_hookinfo_x x{};
  x.size = sizeof x;
  x.before = "nobody,at,all";
  x.hook = hook_of(count_call, at_id);
  x.hook.hook_udata = udata;
  return x;
}
khelp_hookinfo_x a_hook_x = hook_x(0, nullptr);
// Several at one point, one at another, one at none.
int marks[7];
khelp_hookinfo_x table[] = {hook_x(0, &marks[0]), hook_x(0, &marks[1]), hook_x(0, &marks[2]),
                            hook_x(0, &marks[3]), hook_x(0, &marks[4]), hook_x(1, &marks[5]),
                            hook_x(2, &marks[6])};

khelp_helper_x declaration() {
  khelp_helper_x x{};
  x.size = sizeof x;
  x.version = 1;
  x.name = "a_helper_of_ours";
  x.name = "a_helper";
  x.classes = object_class;
  x.flags = keeps;
  x.data_size = 64;
  x.hooks = table;
  x.nhooks = std::size(table);
  return x;
}
khelp_helper_x helper = declaration();

khelp_helper bsd{};
khelp_khelp_modevent_data event_data{};
khelp_hookinfo bsd_hooks[2];
int no_op() {
  return 0;
}

// ---- small steps, demanded ----

void demand(bool condition, const char* words) {
  if (condition)
    return;
  std::fprintf(stderr, "  not so: %s (%s)\n", words, khelp_failure_text());
  _exit(1);
}

void nothing() {}
void make_points() {
  demand(khelp_hhook_head_register(type, 0, &head, 0) == 0, "a point");
  demand(khelp_hhook_head_register(type, 1, &second, 0) == 0, "a second point");
}
void end_points() {
  demand(khelp_hhook_head_deregister(head) == 0, "its end");
  demand(khelp_hhook_head_deregister(second) == 0, "the second's end");
}
void make_hooked_point() {
  make_points();
  demand(khelp_hhook_add_hook_lookup(&a_hook, 0) == 0, "a hook");
}
void end_hooked_point() {
  khelp_hhook_remove_hook_lookup(&a_hook);
  end_points();
}
void load_helper() {
  demand(khelp_helper_register(&helper, &id) == 0, "a helper");
}
void make_loaded() {
  make_points();
  load_helper();
}
void end_loaded() {
  khelp_destroy_osd(&object);
  const int answer = khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
  demand(answer == 0 || answer == ENOENT, "its unload");
  end_points();
}
void make_loaded_with_object() {
  make_loaded();
  demand(khelp_init_osd(object_class, &object) == 0, "an object");
}
void make_object_before_helper() {
  make_points();
  demand(khelp_init_osd(object_class, &object) == 0, "an object");
  load_helper();
}
void make_bsd() {
  bsd = khelp_helper{};
  std::strcpy(bsd.h_name, "bsd");
  bsd_hooks[0] = hook_of(count_call);
  bsd_hooks[1] = hook_of(count_call, 1);
  bsd.h_hooks = bsd_hooks;
  bsd.h_nhooks = 2;
  bsd.h_classes = object_class;
  event_data = khelp_khelp_modevent_data{};
  std::strcpy(event_data.name, "bsd");
  event_data.helper = &bsd;
  event_data.hooks = bsd_hooks;
  event_data.nhooks = 2;
  event_data.uma_zsize = 48;
  make_points();
}
void make_registered_bsd() {
  make_bsd();
  demand(khelp_register_helper(&bsd) == 0, "a FreeBSD helper");
}
void end_bsd() {
  khelp_deregister_helper(&bsd);
  end_points();
}
void make_bsd_with_data() {
  make_bsd();
  bsd.h_flags = KHELP_HELPER_NEEDS_OSD;
  bsd.mod_init = no_op;
  bsd.mod_destroy = no_op;
}
void make_zone() {
  zone = khelp_uma_zcreate("ours", 200, nullptr, nullptr, nullptr, nullptr, 0, 0);
  demand(zone != nullptr, "a zone");
}
void end_zone() {
  khelp_uma_zfree(zone, item);
  item = nullptr;
  khelp_uma_zdestroy(zone);
}
void make_item() {
  make_zone();
  item = khelp_uma_zalloc(zone, 0);
  demand(item != nullptr, "an item");
}
void make_memory() {
  item = khelp_malloc(100, &memory, no_wait);
  demand(item != nullptr, "a block");
}
void end_memory() {
  khelp_free(item, &memory);
  item = nullptr;
  khelp_malloc_type_end(&memory);
}
void make_proc() {
  proc = khelp_proc_find(getppid());
  demand(proc != nullptr, "a process");
}
void end_proc() {
  khelp_proc_rele(proc);
  proc = nullptr;
}
void make_slot() {
  slot = khelp_osd_register(KHELP_OSD_THREAD, drop, nullptr);
  demand(slot > 0, "a slot");
}
void end_slot() {
  khelp_osd_exit(KHELP_OSD_THREAD, &object);
  khelp_osd_deregister(KHELP_OSD_THREAD, static_cast<unsigned>(slot));
}
void make_value() {
  make_slot();
  demand(khelp_osd_set(KHELP_OSD_THREAD, &object, static_cast<unsigned>(slot), &marks) == 0,
         "a value");
}
void make_vnet() {
  vnet = khelp_vnet_alloc();
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

khelp_hook_list* list = nullptr;
khelp_hook* listed = nullptr;
void on_list(void*) {
  ++calls;
}
void make_list() {
  list = khelp_hook_alloc("ours");
  demand(list != nullptr, "a hook list");
}
void end_list() {
  khelp_hook_free(list);
  list = nullptr;
}
void make_list_with_hook() {
  make_list();
  listed = khelp_hook_register(list, on_list, nullptr);
  demand(listed != nullptr, "a hook on it");
  calls = 0;
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

// ---- socket filters ----

int a_socket_of_ours;
khelp_socket* const so = reinterpret_cast<khelp_socket*>(&a_socket_of_ours);
khelp_sflt_socket* filtered;
int add_filter() {
  khelp_sflt_filter filter{};
  filter.sf_handle = 1;
  filter.sf_name = "a filter whose name is not a short one";
  filter.sf_attach = [](void**, khelp_socket*) { return 0; };
  filter.sf_detach = [](void*, khelp_socket*) {};
  return khelp_sflt_register(&filter, AF_INET, SOCK_STREAM, 0);
}
int open_socket() {
  filtered = khelp_sflt_socket_open(so, AF_INET, SOCK_STREAM, 0);
  return filtered != nullptr ? 0 : ENOMEM;
}
void make_filter() {
  demand(add_filter() == 0, "a filter");
}
void end_filter() {
  khelp_sflt_unregister(1);
  demand(khelp_sflt_wait(1) == 0, "its end");
}
void make_filter_and_socket() {
  make_filter();
  demand(open_socket() == 0, "a socket");
}
void make_attached_filter() {
  make_filter_and_socket();
  demand(khelp_sflt_attach(so, 1) == 0, "the filter on it");
}
void close_socket() {
  demand(khelp_sflt_socket_close(filtered) == 0, "its end");
}
void end_filter_and_socket() {
  close_socket();
  end_filter();
}

// ---- the rows ----

struct row {
  const char* function;
  void (*setup)();
  int (*call)();   // 0, an errno, or `silent`
  void (*undo)();  // also after a call that failed
  std::vector<int> errors = {ENOMEM};
  const char* never = nullptr;  // why it cannot allocate
  const char* stays = nullptr;  // why some of it is never given back
};

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
template <class T>
int made(T* pointer) {
  return pointer != nullptr ? 0 : ENOMEM;
}
constexpr auto reason_word_only = "reads words of its own";
constexpr auto reason_static = "answers from constants";
constexpr auto reason_thread = "a variable of the thread";
constexpr auto reason_mutex = "a word of the mutex";
constexpr auto reason_zone = "changes the zone's own numbers, and may give memory back";

const std::vector<row>& rows() {
  static const std::vector<row> all = {
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
         alloc::disarm();
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
         alloc::disarm();
         return calls == 1 && khelp_hhook_resume_hook(&throwing) == 0 ? 0 : silent;
       },
       [] {
         khelp_hookinfo throwing = hook_of(throw_once);
         khelp_hhook_remove_hook_lookup(&throwing);
         end_points();
       }},
      // socket filters
      {"khelp_sflt_register", nothing, add_filter, end_filter},
      {"khelp_sflt_unregister", make_attached_filter, [] { return khelp_sflt_unregister(1); },
       end_filter_and_socket},
      {"khelp_sflt_wait", make_attached_filter,
       [] {
         (void)khelp_sflt_unregister(1);
         return khelp_sflt_wait(1);
       },
       end_filter_and_socket},
      {"khelp_sflt_attach", make_filter_and_socket, [] { return khelp_sflt_attach(so, 1); },
       end_filter_and_socket},
      {"khelp_sflt_detach", make_attached_filter, [] { return khelp_sflt_detach(so, 1); },
       end_filter_and_socket},
      {"khelp_sflt_socket_open", nothing, open_socket, close_socket},
      {"khelp_sflt_socket_close", make_attached_filter,
       [] { return khelp_sflt_socket_close(filtered); }, end_filter},
      {"khelp_sflt_ask", make_attached_filter,
       [] {
         khelp_sflt_call call{};
         call.question = KHELP_SFLT_LISTEN;
         return khelp_sflt_ask(filtered, &call);
       },
       end_filter_and_socket},
      // hook lists
      {"khelp_hook_alloc", nothing,
       [] {
         list = khelp_hook_alloc("ours");
         return made(list);
       },
       end_list},
      {"khelp_hook_free", make_list_with_hook,
       [] {
         const int answer = khelp_hook_free(list);
         list = nullptr;
         return answer;
       },
       nothing},
      {"khelp_hook_register_x", make_list,
       [] {
         khelp_hook_x x{};
         x.size = sizeof x;
         x.callback = on_list;
         return made(khelp_hook_register_x(list, &x));
       },
       end_list},
      {"khelp_hook_unregister", make_list_with_hook,
       [] { return khelp_hook_unregister(list, listed, 0); }, end_list},
      {"khelp_hook_unregister_held", make_list_with_hook,
       [] {
         return khelp_hook_unregister_held(
             list, listed, 0, [](void*) {}, [](void*) {}, nullptr);
       },
       end_list},
      {"khelp_hook_run", make_list_with_hook,
       [] { return khelp_hook_run(list, 0, nullptr, nullptr) == 0 && calls > 0 ? 0 : silent; },
       end_list},
      {"khelp_hook_run that takes hooks off", make_list_with_hook,
       [] {
         khelp_hook_run(list, KHELP_HOOK_UNREGISTER, nullptr, nullptr);
         return calls == 1 && khelp_hook_count(list) == 0 ? 0 : silent;
       },
       end_list},
      {"khelp_hook_proc_run", make_list_with_hook,
       [] {
         return khelp_hook_proc_run(list, 0, nullptr, nullptr, nullptr) == 0 && calls > 0 ? 0
                                                                                          : silent;
       },
       end_list},
      {"khelp_hook_resume",
       [] {
         make_list();
         listed = khelp_hook_register(
             list, [](void*) { throw 1; }, nullptr);
         khelp_hook_run(list, 0, nullptr, nullptr);
       },
       [] { return khelp_hook_resume(list, listed); }, end_list},
      {"khelp_hook_list_each", make_list_with_hook,
       [] {
         int hooks = 0;
         const int answer = khelp_hook_list_each(
             list, [](void* arg, const khelp_hook_info*) { ++*static_cast<int*>(arg); }, &hooks);
         return answer == 0 && hooks != 1 ? silent : answer;
       },
       end_list},
      {"khelp_hook_count",
       make_list_with_hook,
       [] { return khelp_hook_count(list) == 1 ? 0 : silent; },
       end_list,
       {},
       "counts"},
      {"khelp_hooks_of_process",
       nothing,
       [] { return made(khelp_hooks_of_process(KHELP_HOOKS_FORK)); },
       nothing,
       {ENOMEM},
       nullptr,
       "the process's lists stay"},
      // helpers
      {"khelp_helper_register", make_points, [] { return khelp_helper_register(&helper, &id); },
       [] {
         khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
         end_points();
       }},
      {"khelp_helper_unregister", make_loaded,
       [] { return khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0); }, end_loaded},
      {"khelp_helper_unregister that waits", make_loaded,
       [] { return khelp_helper_unregister(id, KHELP_UNLOAD_WAIT, -1); }, end_loaded},
      {"khelp_helper_unregister that revokes", make_loaded_with_object,
       [] { return khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0); }, end_loaded},
      {"khelp_helper_unregister of a held helper", make_loaded_with_object,
       [] {
         const int answer = khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0);
         return answer == EBUSY ? 0 : answer;
       },
       end_loaded},
      {"khelp_helper_unregister inside a section", make_loaded_with_object,
       [] {
         khelp_osd_enter(&object);
         const int answer = khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
         khelp_osd_leave(&object);
         return answer;
       },
       [] {
         khelp_reap();
         end_loaded();
       }},
      {"khelp_reap",
       [] {
         make_loaded_with_object();
         khelp_osd_enter(&object);
         demand(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0) == 0, "an unload inside");
         khelp_osd_leave(&object);
       },
       [] { return khelp_reap() == 0 ? 0 : ENOMEM; }, end_loaded},
      {"khelp_helper_describe", make_loaded,
       [] {
         khelp_helper_description d{};
         d.size = sizeof d;
         return khelp_helper_describe(id, &d);
       },
       end_loaded},
      {"khelp_register_helper", make_bsd, [] { return khelp_register_helper(&bsd); }, end_bsd},
      {"khelp_deregister_helper", make_registered_bsd, [] { return khelp_deregister_helper(&bsd); },
       end_bsd},
      {"khelp_drain", make_registered_bsd, [] { return khelp_drain(&bsd, -1); }, end_bsd},
      {"khelp_modevent", make_bsd_with_data,
       [] { return khelp_modevent(nullptr, KHELP_MOD_LOAD, &event_data); }, end_bsd},
      {"khelp_modevent of an unload",
       [] {
         make_bsd_with_data();
         demand(khelp_modevent(nullptr, KHELP_MOD_LOAD, &event_data) == 0, "its load");
       },
       [] { return khelp_modevent(nullptr, KHELP_MOD_UNLOAD, &event_data); }, end_bsd},
      {"khelp_get_id",
       make_loaded,
       [] { return khelp_get_id("a_helper") == id ? 0 : silent; },
       end_loaded,
       {},
       "looks in the registry"},
      {"khelp_get_id of nobody",
       nothing,
       [] { return khelp_get_id("a_helper") == -1 ? 0 : silent; },
       nothing,
       {},
       "looks in the registry"},
      {"khelp_hhook_head_get of nothing",
       nothing,
       [] { return khelp_hhook_head_get(type, 0) == nullptr ? 0 : silent; },
       nothing,
       {},
       "looks in the registry"},
      {"khelp_reap of nothing", nothing, [] { return khelp_reap(); }, nothing},
      {"khelp_init_osd without helpers", nothing,
       [] { return khelp_init_osd(object_class, &object); }, [] { khelp_destroy_osd(&object); }},
      {"khelp_class_has_osd",
       make_loaded_with_object,
       [] { return khelp_class_has_osd(object_class) == 1 ? 0 : silent; },
       end_loaded,
       {},
       reason_word_only},
      // objects
      {"khelp_init_osd", make_loaded, [] { return khelp_init_osd(object_class, &object); },
       end_loaded},
      {"khelp_destroy_osd", make_loaded_with_object, [] { return khelp_destroy_osd(&object); },
       end_loaded},
      {"khelp_get_osd",
       make_loaded_with_object,
       [] { return khelp_get_osd(&object, id) != nullptr ? 0 : silent; },
       end_loaded,
       {},
       reason_word_only},
      {"khelp_osd_enter", make_loaded_with_object,
       [] {
         khelp_osd_enter(&object);
         const bool data = khelp_get_osd(&object, id) != nullptr;
         khelp_osd_leave(&object);
         return data ? 0 : silent;
       },
       end_loaded},
      {"khelp_osd_leave", make_loaded_with_object,
       [] {
         khelp_osd_enter(&object);
         khelp_osd_leave(&object);
         return 0;
       },
       end_loaded},
      // osd(9)
      {"khelp_osd_define_type",
       nothing,
       [] { return khelp_osd_define_type(1) > 0 ? 0 : ENOMEM; },
       nothing,
       {},
       "the types have their places"},
      {"khelp_osd_register", nothing,
       [] {
         const khelp_osd_method_t methods[KHELP_PR_MAXMETHOD] = {};
         slot = khelp_osd_register(KHELP_OSD_JAIL, drop, methods);
         return slot > 0 ? 0 : ENOMEM;
       },
       [] { khelp_osd_deregister(KHELP_OSD_JAIL, static_cast<unsigned>(slot)); }},
      {"khelp_osd_deregister", make_value,
       [] {
         khelp_osd_deregister(KHELP_OSD_THREAD, static_cast<unsigned>(slot));
         return 0;
       },
       nothing},
      {"khelp_osd_set", make_slot,
       [] { return khelp_osd_set(KHELP_OSD_THREAD, &object, static_cast<unsigned>(slot), &marks); },
       end_slot},
      {"khelp_osd_set_reserved",
       [] {
         make_slot();
         reserved = khelp_osd_reserve(static_cast<unsigned>(slot));
         demand(reserved != nullptr, "a reservation");
       },
       [] {
         const int answer = khelp_osd_set_reserved(KHELP_OSD_THREAD, &object,
                                                   static_cast<unsigned>(slot), reserved, &marks);
         if (answer == 0)
           reserved = nullptr;
         return answer;
       },
       [] {
         khelp_osd_free_reserved(reserved);
         end_slot();
       }},
      {"khelp_osd_reserve", nothing, [] { return made(reserved = khelp_osd_reserve(5)); },
       [] {
         khelp_osd_free_reserved(reserved);
         reserved = nullptr;
       }},
      {"khelp_osd_free_reserved",
       [] {
         reserved = khelp_osd_reserve(5);
         demand(reserved != nullptr, "a reservation");
       },
       [] {
         khelp_osd_free_reserved(reserved);
         return 0;
       },
       nothing},
      {"khelp_osd_get",
       make_value,
       [] {
         return khelp_osd_get(KHELP_OSD_THREAD, &object, static_cast<unsigned>(slot)) == &marks
                    ? 0
                    : silent;
       },
       end_slot,
       {},
       reason_word_only},
      {"khelp_osd_del", make_value,
       [] {
         khelp_osd_del(KHELP_OSD_THREAD, &object, static_cast<unsigned>(slot));
         return 0;
       },
       end_slot},
      {"khelp_osd_call",
       make_slot,
       [] { return khelp_osd_call(KHELP_OSD_JAIL, 0, &object, nullptr); },
       end_slot,
       {},
       "calls what is registered"},
      {"khelp_osd_exit", make_value,
       [] {
         khelp_osd_exit(KHELP_OSD_THREAD, &object);
         return 0;
       },
       end_slot},
      // zones
      {"khelp_uma_zcreate", nothing,
       [] {
         return made(zone = khelp_uma_zcreate("a zone with a long name, longer than small", 64,
                                              nullptr, nullptr, nullptr, nullptr, 0, 0));
       },
       [] {
         if (zone != nullptr)
           khelp_uma_zdestroy(zone);
         zone = nullptr;
       }},
      {"khelp_uma_zdestroy", make_zone,
       [] {
         khelp_uma_zdestroy(zone);
         return 0;
       },
       nothing},
      {"khelp_uma_zdestroy_checked", make_zone, [] { return khelp_uma_zdestroy_checked(zone); },
       nothing},
      {"khelp_uma_zalloc", make_zone, [] { return made(item = khelp_uma_zalloc(zone, 0)); },
       end_zone},
      {"khelp_uma_zalloc_arg", make_zone,
       [] { return made(item = khelp_uma_zalloc_arg(zone, nullptr, KHELP_M_ZERO)); }, end_zone},
      {"khelp_uma_zfree", make_item,
       [] {
         khelp_uma_zfree(zone, item);
         item = nullptr;
         return 0;
       },
       end_zone},
      {"khelp_uma_zfree_arg", make_item,
       [] {
         khelp_uma_zfree_arg(zone, item, nullptr);
         item = nullptr;
         return 0;
       },
       end_zone},
      {"khelp_uma_prealloc", make_zone, [] { return khelp_uma_prealloc(zone, 1000); }, end_zone},
      {"khelp_uma_reclaim",
       make_item,
       [] {
         khelp_uma_reclaim(KHELP_UMA_RECLAIM_DRAIN);
         return 0;
       },
       end_zone,
       {},
       reason_zone},
      {"khelp_uma_zone_reclaim",
       make_item,
       [] {
         khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
         return 0;
       },
       end_zone,
       {},
       reason_zone},
      {"khelp_uma_stats", make_zone,
       [] { return khelp_uma_stats([](void*, const khelp_uma_stat*) {}, nullptr); }, end_zone},
      {"khelp_uma_zone_set_warning", make_zone,
       [] {
         khelp_uma_zone_set_warning(zone, "a warning that is longer than a small string is");
         return 0;
       },
       end_zone},
      {"khelp_uma_zone_set_max",
       make_zone,
       [] { return khelp_uma_zone_set_max(zone, 9) == 9 ? 0 : silent; },
       end_zone,
       {},
       reason_zone},
      {"khelp_uma_zone_get_max",
       make_zone,
       [] { return khelp_uma_zone_get_max(zone); },
       end_zone,
       {},
       reason_word_only},
      {"khelp_uma_zone_get_cur",
       make_zone,
       [] { return khelp_uma_zone_get_cur(zone); },
       end_zone,
       {},
       reason_word_only},
      {"khelp_uma_zone_set_maxcache",
       make_zone,
       [] {
         khelp_uma_zone_set_maxcache(zone, 4);
         return 0;
       },
       end_zone,
       {},
       reason_zone},
      {"khelp_uma_zone_set_maxaction",
       make_zone,
       [] {
         khelp_uma_zone_set_maxaction(zone, nullptr);
         return 0;
       },
       end_zone,
       {},
       reason_zone},
      {"khelp_uma_zone_reserve",
       make_zone,
       [] {
         khelp_uma_zone_reserve(zone, 3);
         return 0;
       },
       end_zone,
       {},
       reason_zone},
      {"khelp_uma_zone_exhausted",
       make_zone,
       [] { return khelp_uma_zone_exhausted(zone); },
       end_zone,
       {},
       reason_word_only},
      {"khelp_uma_set_warnings",
       nothing,
       [] {
         khelp_uma_set_warnings(1);
         return 0;
       },
       nothing,
       {},
       reason_static},
      {"khelp_uma_set_debug",
       nothing,
       [] {
         khelp_uma_set_debug(0);
         return 0;
       },
       nothing,
       {},
       reason_static},
      // typed memory, processes
      {"khelp_malloc", nothing, [] { return made(item = khelp_malloc(100, &memory, no_wait)); },
       end_memory},
      {"khelp_mallocarray", nothing,
       [] { return made(item = khelp_mallocarray(10, 10, &memory, no_wait)); }, end_memory},
      {"khelp_realloc", make_memory,
       [] {
         void* moved = khelp_realloc(item, 100000, &memory, no_wait);
         if (moved != nullptr)
           item = moved;
         return made(moved);
       },
       end_memory},
      {"khelp_reallocf", make_memory,
       [] { return made(item = khelp_reallocf(item, 100000, &memory, no_wait)); }, end_memory},
      {"khelp_free", make_memory,
       [] {
         khelp_free(item, &memory);
         item = nullptr;
         return 0;
       },
       end_memory},
      {"khelp_zfree", make_memory,
       [] {
         khelp_zfree(item, &memory);
         item = nullptr;
         return 0;
       },
       end_memory},
      {"khelp_malloc_usable_size",
       make_memory,
       [] { return khelp_malloc_usable_size(item) == 100 ? 0 : silent; },
       end_memory,
       {},
       reason_word_only},
      {"khelp_malloc_type_end",
       make_memory,
       [] {
         khelp_free(item, &memory);
         item = nullptr;
         khelp_malloc_type_end(&memory);
         return 0;
       },
       end_memory,
       {},
       "gives memory back"},
      {"khelp_malloc_numbered",
       nothing,
       [] { return made(khelp_malloc_numbered(80)); },
       nothing,
       {},
       reason_static},
      {"khelp_malloc_set_debug",
       nothing,
       [] {
         khelp_malloc_set_debug(0);
         return 0;
       },
       nothing,
       {},
       reason_static},
      {"khelp_malloc_stats", make_memory,
       [] { return khelp_malloc_stats([](void*, const khelp_malloc_stat*) {}, nullptr); },
       end_memory},
      {"khelp_malloc_type_stat",
       make_memory,
       [] {
         khelp_malloc_stat stat;
         khelp_malloc_type_stat(&memory, &stat);
         return stat.in_use == 1 ? 0 : silent;
       },
       end_memory,
       {},
       reason_word_only},
      {"khelp_panic",
       [] { demand(khelp_log_set_sink(end_well, nullptr) == 0, "a sink"); },
       [] {
         khelp_panic("words");
         return silent;
       },
       nothing,
       {},
       "formats on its stack"},
      {"khelp_printf",
       nothing,
       [] {
         khelp_printf("words\n");
         return 0;
       },
       nothing,
       {},
       "formats on its stack"},
      {"khelp_proc_self",
       nothing,
       [] { return made(khelp_proc_self()); },
       nothing,
       {},
       "the object is always there"},
      {"khelp_proc_find", nothing, [] { return made(proc = khelp_proc_find(getppid())); },
       end_proc},
      {"khelp_proc_rele",
       make_proc,
       [] {
         khelp_proc_rele(proc);
         proc = nullptr;
         return 0;
       },
       end_proc,
       {},
       "gives memory back"},
      {"khelp_proc_exiting", make_proc, [] { return khelp_proc_exiting(proc); }, end_proc},
      {"khelp_proc_is64bit", make_proc, [] { return khelp_proc_is64bit(proc) == 1 ? 0 : silent; },
       end_proc},
      {"khelp_proc_suser",
       make_proc,
       [] { return khelp_proc_suser(proc) == 0 || geteuid() != 0 ? 0 : EPERM; },
       end_proc,
       {EPERM}},
      {"khelp_proc_used_privilege",
       make_proc,
       [] { return khelp_proc_used_privilege(proc); },
       end_proc,
       {},
       reason_word_only},
      {"khelp_proc_pid",
       make_proc,
       [] { return khelp_proc_pid(proc) == getppid() ? 0 : silent; },
       end_proc,
       {},
       reason_word_only},
      {"khelp_proc_ppid", make_proc,
       [] {
         khelp_proc_ppid(proc);
         return 0;
       },
       end_proc},
      {"khelp_proc_name", make_proc,
       [] {
         char name[16];
         khelp_proc_name(proc, name, sizeof name);
         return 0;
       },
       end_proc},
      // sleep queues
      {"khelp_msleep", [] { demand(khelp_mutex_lock(&mutex) == 0, "a mutex"); },
       [] {
         const timespec moment{0, 1};
         return khelp_msleep(&marks, &mutex, 0, "test", &moment) == EWOULDBLOCK ? 0 : silent;
       },
       [] { khelp_mutex_unlock(&mutex); }},
      {"khelp_sleep", nothing,
       [] {
         const timespec moment{0, 1};
         const int answer = khelp_sleep(&marks, nullptr, KHELP_SLEEP_PCATCH, "test", &moment);
         return answer == EWOULDBLOCK ? 0 : silent;
       },
       nothing},
      {"khelp_wake_sleepers",
       nothing,
       [] { return static_cast<int>(khelp_wake_sleepers(&marks, 1)); },
       nothing,
       {},
       "takes sleepers out of a queue"},
      {"khelp_sleep_counts",
       nothing,
       [] { return static_cast<int>(khelp_wakeup(&marks)); },
       nothing,
       {},
       "is no function"},
      {"khelp_sleep_list", nothing,
       [] { return khelp_sleep_list([](void*, const khelp_sleeper*) {}, nullptr); }, nothing},
      {"khelp_sleep_total",
       nothing,
       [] {
         khelp_sleep_totals totals{};
         totals.size = sizeof totals;
         return khelp_sleep_total(&totals);
       },
       nothing,
       {},
       reason_word_only},
      {"khelp_mutex_lock",
       nothing,
       [] { return khelp_mutex_lock(&mutex); },
       [] { khelp_mutex_unlock(&mutex); },
       {},
       reason_mutex},
      {"khelp_mutex_try_lock",
       nothing,
       [] { return khelp_mutex_try_lock(&mutex); },
       [] { khelp_mutex_unlock(&mutex); },
       {},
       reason_mutex},
      {"khelp_mutex_unlock",
       [] { khelp_mutex_lock(&mutex); },
       [] { return khelp_mutex_unlock(&mutex); },
       nothing,
       {},
       reason_mutex},
      {"khelp_mutex_held",
       nothing,
       [] { return khelp_mutex_held(&mutex); },
       nothing,
       {},
       reason_mutex},
      // instances
      {"khelp_vnet_alloc", nothing, [] { return made(vnet = khelp_vnet_alloc()); }, end_vnet},
      {"khelp_vnet_destroy", make_vnet,
       [] {
         const int answer = khelp_vnet_destroy(vnet);
         if (answer == 0)
           vnet = nullptr;
         return answer;
       },
       end_vnet},
      {"khelp_vnet_alloc with points that helpers wait for", make_loaded,
       [] { return made(vnet = khelp_vnet_alloc()); },
       [] {
         end_vnet();
         end_loaded();
       }},
      {"khelp_vnet_alloc with a variable and functions",
       [] { demand(start_file() == 0, "a file"); }, [] { return made(vnet = khelp_vnet_alloc()); },
       [] {
         end_vnet();
         demand(stop_file() == 0, "its end");
       }},
      {"khelp_helper_limit",
       [] {
         make_loaded();
         vnet = khelp_vnet_alloc();
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
      {"khelp_check_file", nothing,
       [] {
         const int answer = khelp_check_file(
             "/proc/self/exe", [](void*, int, const char*) {}, nullptr);
         return answer == ENOMEM ? ENOMEM : 0;
       },
       nothing},
  };
  return all;
}

// ---- what there is: helpers, hooks, how many objects hold what ----

std::string what_there_is() {
  std::string words;
  demand(khelp_stats_helpers(
             [](void* arg, const khelp_helper_stat* stat) {
               *static_cast<std::string*>(arg) += std::string(stat->name) + " state " +
                                                  std::to_string(stat->state) + " holds " +
                                                  std::to_string(stat->attached) + "; ";
             },
             &words) == 0,
         "statistics of helpers");
  demand(khelp_stats_hooks(
             [](void* arg, const khelp_hook_stat* stat) {
               *static_cast<std::string*>(arg) += std::to_string(stat->type) + "/" +
                                                  std::to_string(stat->id) + " " + stat->helper +
                                                  " state " + std::to_string(stat->state) + " at " +
                                                  std::to_string(stat->position) + "; ";
             },
             &words) == 0,
         "statistics of hooks");
  demand(khelp_uma_stats(
             [](void* arg, const khelp_uma_stat* stat) {
               if (std::strcmp(stat->name, "a_helper") == 0)
                 *static_cast<std::string*>(arg) += "items " + std::to_string(stat->used) + "; ";
             },
             &words) == 0,
         "statistics of zones");
  return words;
}

[[noreturn]] void attempt(const row& r, unsigned n, alloc::failing which, bool warm) {
  std::string before;
  std::string after;
  before.reserve(4096);
  after.reserve(4096);
  if (warm) {
    // The thread's words have their place once something was refused.
    demand(khelp_osd_call(99, 0, nullptr, nullptr) == EINVAL, "a refusal");
    for (int i = 0; i < 2; ++i) {
      r.setup();
      demand(r.call() == 0, "the call succeeds");
      before = what_there_is();
      r.undo();
    }
  }
  const long empty = alloc::live();
  r.setup();
  if (warm)
    before = what_there_is();
  alloc::fail(n, which);
  const int answer = r.call();
  const unsigned failed = alloc::disarm();
  if (answer != 0) {
    demand(std::find(r.errors.begin(), r.errors.end(), answer) != r.errors.end(),
           answer == silent ? "it says that it failed" : "it answers a documented error");
    demand(failed != 0, "it succeeds when nothing fails");
    if (warm) {
      after = what_there_is();
      if (after != before)
        std::fprintf(stderr, "  before: %s\n  after:  %s\n", before.c_str(), after.c_str());
      demand(after == before, "everything is as it was");
    }
    demand(r.call() == 0, "the same call succeeds when there is memory");
  }
  r.undo();
  if (warm && r.stays == nullptr && alloc::live() != empty) {
    std::fprintf(stderr, "  %ld more\n", alloc::live() - empty);
    demand(false, "when it is undone, nothing is left");
  }
  _exit(failed == 0 ? not_that_many : 0);
}

int in_child(const row& r, unsigned n, alloc::failing which, bool warm) {
  const pid_t child = fork();
  if (child == 0)
    attempt(r, n, which, warm);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void every_allocation(const row& r, alloc::failing which, bool warm) {
  constexpr unsigned too_many = 2000;
  for (unsigned n = 1; n < too_many; ++n) {
    const int status = in_child(r, n, which, warm);
    if (status == not_that_many)
      return;
    if (status != 0) {
      ADD_FAILURE() << r.function << (warm ? ", warm" : ", cold") << ", allocation " << n
                    << (which == alloc::failing::one ? " fails" : " and all after it fail")
                    << ": status " << status;
      return;
    }
    ASSERT_EQ(r.never, nullptr) << r.function << " is said never to allocate";
  }
}

std::string first_word(const char* words) {
  return std::string(words, std::strcspn(words, " "));
}

}  // namespace

TEST(alloc_failure, every_export_has_a_row) {
  std::set<std::string> exported;
  std::ifstream list(KHELP_SOURCE_DIR "/tests/abi/exports.txt");
  for (std::string line; std::getline(list, line);) {
    if (!line.empty())
      exported.insert(line);
  }
  ASSERT_FALSE(exported.empty());
  std::set<std::string> listed;
  for (const row& r : rows())
    listed.insert(first_word(r.function));
  EXPECT_EQ(listed, exported);
}

TEST(alloc_failure, one_allocation_fails_when_nothing_was_done_before) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::one, false);
}

TEST(alloc_failure, one_allocation_fails_when_all_is_in_use) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::one, true);
}

TEST(alloc_failure, memory_is_out_from_some_allocation_on_when_nothing_was_done_before) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::all_from, false);
}

TEST(alloc_failure, memory_is_out_from_some_allocation_on_when_all_is_in_use) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::all_from, true);
}

TEST(alloc_failure,
     conformance_24_a_failed_init_of_an_object_leaves_counts_and_zones_as_they_were) {
  for (const row& r : rows()) {
    if (first_word(r.function) != "khelp_init_osd")
      continue;
    every_allocation(r, alloc::failing::one, true);
    every_allocation(r, alloc::failing::all_from, true);
  }
}
