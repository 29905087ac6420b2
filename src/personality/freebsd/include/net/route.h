/// Routes are the host's: nothing of FreeBSD's is here but the name of this file.
#pragma GCC system_header
#include_next <net/route.h>
