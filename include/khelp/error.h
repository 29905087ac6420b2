/// Errors of the C face: functions return 0 or a positive errno value; they never set errno.
#ifndef KHELP_ERROR_H
#define KHELP_ERROR_H

#include <khelp/export.h>

/// Programming error in a module's declaration. BSD's value (88) is ENOTSOCK on Linux, so this one
/// lies outside the host's range.
#define KHELP_EDOOFUS 10088
/// "Restart the call": -1 as in the BSD kernels, never Linux's 85.
#define KHELP_ERESTART (-1)
/// "Done, skip the operation": the filters' verdict.
#define KHELP_EJUSTRETURN (-2)

KHELP_BEGIN_DECLS

/// The words that go with this thread's last refusal: what failed, why, and with what it collided.
///
/// Shape    a string owned by the library, never NULL; "" when nothing was refused. Valid until
///          this thread's next call into the library.
/// Context  any thread, also from hooks. Does not block or allocate.
KHELP_API const char* khelp_failure_text(void) KHELP_NOTHROW;

/// A short name for an errno value, KHELP_EDOOFUS and the negative values included.
///
/// Shape    a static string, never NULL ("Unknown error" when nobody knows it). Thread-safe.
KHELP_API const char* khelp_strerror(int error) KHELP_NOTHROW;

KHELP_END_DECLS

#endif
