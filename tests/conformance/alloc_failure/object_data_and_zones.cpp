// An object's slots; zones and their items.
#include <cerrno>
#include <vector>

#include <khelp/osd.h>
#include <khelp/uma.h>

#include "fixtures.hpp"

namespace alloc {
namespace {

khelp_uma_zone_t zone = nullptr;
void* item = nullptr;
void** reserved = nullptr;
int slot = 0;
void drop(void*) {}
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

}  // namespace

std::vector<row> rows_of_object_data_and_zones() {
  return {
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
  };
}

}  // namespace alloc
