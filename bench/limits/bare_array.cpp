#include "limits/bare_array.hpp"

void bare_run(const bare_array* array, void* ctx, khelp_osd* hosd) {
  const bare_hook* end = array->hooks + array->count;
  for (const bare_hook* hook = array->hooks; hook != end; ++hook)
    hook->function(1, 2, hook->udata, ctx, nullptr, hosd);
}
