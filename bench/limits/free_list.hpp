/// The limit of handing out memory: a list per thread, no accounting, out of line.
#pragma once

#include <khelp/export.h>

KHELP_API void* free_list_take();
KHELP_API void free_list_give(void* item);
