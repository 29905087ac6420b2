/// Results of Mach's calls, as far as kernel utilities have them.
#ifndef KHELP_DARWIN_MACH_MACH_TYPES_H
#define KHELP_DARWIN_MACH_MACH_TYPES_H

#include <mach/boolean.h>

typedef int kern_return_t;
#define KERN_SUCCESS 0
#define KERN_FAILURE 5

#endif
