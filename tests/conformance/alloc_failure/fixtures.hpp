// What the rows work with: points, a helper with hooks at them, an object with its data.
#pragma once

#include <cstdint>
#include <iterator>

#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/osd.h>

#include "row.hpp"

namespace alloc {

constexpr std::int32_t type = KHELP_HHOOK_TYPE_APP + 7;
constexpr std::uint32_t object_class = KHELP_HELPER_CLASS_APP;
constexpr std::uint32_t keeps = KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT;
inline khelp_hhook_head* head = nullptr;
inline khelp_hhook_head* second = nullptr;
inline khelp_osd object = KHELP_OSD_INITIALIZER;
inline int calls = 0;
inline std::int32_t id = 0;
inline int count_call(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ++calls;
  return 0;
}
inline khelp_hookinfo hook_of(khelp_hhook_func_t fn, std::int32_t at_id = 0) {
  khelp_hookinfo hook{};
  hook.hook_func = fn;
  hook.hook_type = type;
  hook.hook_id = at_id;
  return hook;
}
inline khelp_hookinfo_x hook_x(std::int32_t at_id, void* udata) {
  khelp_hookinfo_x x{};
  x.size = sizeof x;
  x.before = "nobody,at,all";
  x.hook = hook_of(count_call, at_id);
  x.hook.hook_udata = udata;
  return x;
}
// Several at one point, one at another, one at none.
inline int marks[7];
inline khelp_hookinfo_x table[] = {hook_x(0, &marks[0]), hook_x(0, &marks[1]), hook_x(0, &marks[2]),
                                   hook_x(0, &marks[3]), hook_x(0, &marks[4]), hook_x(1, &marks[5]),
                                   hook_x(2, &marks[6])};
inline khelp_helper_x declaration() {
  khelp_helper_x x{};
  x.size = sizeof x;
  x.version = 1;
  x.name = "a_helper";
  x.classes = object_class;
  x.flags = keeps;
  x.data_size = 64;
  x.hooks = table;
  x.nhooks = std::size(table);
  return x;
}
inline khelp_helper_x helper = declaration();
inline void make_points() {
  demand(khelp_hhook_head_register(type, 0, &head, 0) == 0, "a point");
  demand(khelp_hhook_head_register(type, 1, &second, 0) == 0, "a second point");
}
inline void end_points() {
  demand(khelp_hhook_head_deregister(head) == 0, "its end");
  demand(khelp_hhook_head_deregister(second) == 0, "the second's end");
}
inline void load_helper() {
  demand(khelp_helper_register(&helper, &id) == 0, "a helper");
}
inline void make_loaded() {
  make_points();
  load_helper();
}
inline void end_loaded() {
  khelp_destroy_osd(&object);
  const int answer = khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
  demand(answer == 0 || answer == ENOENT, "its unload");
  end_points();
}

}  // namespace alloc
