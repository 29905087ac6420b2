/// libkhelp's zones.
#include <khelp/uma.h>

#include "memory.hpp"

namespace {

struct zone {
  static inline const khelp_uma_zone_t items = khelp_uma_zcreate(
      "bench", item_size, nullptr, nullptr, nullptr, nullptr, KHELP_UMA_ALIGN_PTR, 0);

  static void* take() { return khelp_uma_zalloc(items, KHELP_M_NOWAIT); }
  static void give(void* item) { khelp_uma_zfree(items, item); }
};

const adds_rows ours{patterns<zone>("libkhelp", role::ours),
                     handed_over<zone>("libkhelp", role::ours)};

}  // namespace
