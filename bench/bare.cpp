#include "bare.hpp"

void bare_run(const bare_point* point, void* ctx, khelp_osd* hosd) {
  const bare_hook* end = point->hooks + point->count;
  for (const bare_hook* hook = point->hooks; hook != end; ++hook)
    hook->function(1, 2, hook->udata, ctx, nullptr, hosd);
}
