/// The limit: an array of callbacks with no safety at all, called the way a library must be called.
#pragma once

#include <khelp/hhook.h>

struct bare_hook {
  khelp_hhook_func_t function;
  void* udata;
};

struct bare_point {
  long count;
  bare_hook hooks[16];
};

KHELP_API void bare_run(const bare_point* point, void* ctx, khelp_osd* hosd);
