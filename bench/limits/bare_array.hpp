/// The limit of running callbacks: an array with no safety at all, called the way a library must be
/// called.
#pragma once

#include <cstdint>

#include <khelp/hhook.h>

struct bare_hook {
  khelp_hhook_func_t function;
  void* udata;
};

struct bare_array {
  long count;
  bare_hook hooks[17];
};

KHELP_API_HOT void bare_run(const bare_array* array, void* ctx, khelp_osd* hosd);
