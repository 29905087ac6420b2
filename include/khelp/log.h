/// Where the library's own messages go.
///
/// The library lives in other people's processes, so of its own it prints nothing but a panic's
/// words: until a sink is set, its messages are dropped.
#ifndef KHELP_LOG_H
#define KHELP_LOG_H

#include <khelp/export.h>

KHELP_BEGIN_DECLS

#define KHELP_LOG_ERROR 3   /**< something is lost: memory, a module that cannot go away */
#define KHELP_LOG_WARNING 4 /**< worth a person's look: a leak, a limit that was hit */
#define KHELP_LOG_INFO \
  6 /**< what happened: a module file is loaded, refused or unloaded, a helper
                                 registered or unregistered */

/// Receives one message: a line of words without its newline, valid during the call.
///
/// Context  any thread, several at once, with no lock of the library held, but in the middle of
///          whatever it does: the sink may look (statistics, zones) and use memory, but not add,
///          remove, load or unload, nor end the thread. A cancellation of the thread waits until it
///          has returned. If it throws, the message is lost; the next one that it takes is followed
///          by one that says how many were.
typedef void (*khelp_log_sink)(void* arg, int level, const char* words);

/// Send messages to `sink` from now on; NULL drops the library's own.
///
/// Context  any thread, also before main(). A message under way in another thread may still reach
///          the sink before.
/// Cost     24 bytes that are never given back, so that messages need no lock.
/// Errors   ENOMEM: the sink stays as it was.
KHELP_API int khelp_log_set_sink(khelp_log_sink sink, void* arg);

/// Send a program's own words to the sink, at KHELP_LOG_INFO: one message a line, the last of which
/// need not end in a newline. A call's words beyond 1023 bytes, and a line's beyond 511, are cut.
/// Without a sink they go to standard error as they are.
///
/// Context  any thread, no signal handler.
/// Source   the kernels' printf(9), which writes to the console.
KHELP_API void khelp_printf(const char* format, ...) __attribute__((format(__printf__, 1, 2)));

/// End the process: "panic: " and the words go to the sink, at KHELP_LOG_ERROR, and to standard
/// error, then abort(3). Words beyond 503 bytes are cut.
///
/// Context  any thread.
/// Source   the kernels' panic(9): a mistake that must not go on, such as a failed KASSERT.
KHELP_API void khelp_panic(const char* format, ...)
    __attribute__((noreturn, cold, format(__printf__, 1, 2)));

KHELP_END_DECLS

#endif
