/// The limits of handing out memory, out of line and with no accounting: a list per thread, which
/// runs through the items, and a stack per thread, which holds their addresses.
#pragma once

#include <khelp/export.h>

KHELP_API_HOT void* free_list_take();
KHELP_API_HOT void free_list_give(void* item);

KHELP_API_HOT void* item_stack_take();
KHELP_API_HOT void item_stack_give(void* item);
