/// khelp(9), the side of subsystems and of code that reads a helper's data.
///
/// khelp_register_helper(), khelp_deregister_helper(), khelp_init_osd(), khelp_destroy_osd(),
/// khelp_get_osd(), khelp_get_id(), khelp_add_hhook() and khelp_remove_hhook() have their FreeBSD
/// names in <khelp/khelp.h> already.
#ifndef KHELP_FREEBSD_SYS_KHELP_H
#define KHELP_FREEBSD_SYS_KHELP_H

#include <khelp_names.h>
#include <sys/param.h>

#include <khelp/khelp.h>

#define HELPER_NAME_MAXLEN KHELP_HELPER_NAME_MAXLEN

#define HELPER_CLASS_TCP KHELP_HELPER_CLASS_TCP
#define HELPER_CLASS_SOCKET KHELP_HELPER_CLASS_SOCKET
#define HELPER_CLASS_APP KHELP_HELPER_CLASS_APP /* libkhelp's: this bit and those above it */

#endif
