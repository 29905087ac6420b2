// Helpers, registered in FreeBSD's way and in ours, and what objects get from them.
#include <cerrno>
#include <cstring>
#include <vector>

#include <khelp/khelp.h>
#include <khelp/module.h>

#include "fixtures.hpp"

namespace alloc {
namespace {

khelp_helper bsd{};
khelp_khelp_modevent_data event_data{};
khelp_hookinfo bsd_hooks[2];
int no_op() {
  return 0;
}
void make_loaded_with_object() {
  make_loaded();
  demand(khelp_init_osd(object_class, &object) == 0, "an object");
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

}  // namespace

std::vector<row> rows_of_helpers() {
  return {
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
      {"khelp_helpers_unregister", make_loaded_with_object,
       [] { return khelp_helpers_unregister(&id, 1, KHELP_UNLOAD_REVOKE, 0); }, end_loaded},
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
      {"khelp_helper_objects", make_loaded_with_object,
       [] {
         int told = 0;
         const int answer = khelp_helper_objects(
             id,
             [](void* arg, const khelp_object*) {
               ++*static_cast<int*>(arg);
               return 0;
             },
             &told);
         return answer == 0 && told != 1 ? silent : answer;
       },
       end_loaded},
      {"khelp_object_names",
       nothing,
       [] { return khelp_object_names(KHELP_HELPER_CLASS_APP, nullptr); },
       nothing,
       {},
       "a class has its place"},
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
  };
}

}  // namespace alloc
