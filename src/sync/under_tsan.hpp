// KHELP_UNDER_TSAN: 1 when compiled for ThreadSanitizer.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define KHELP_UNDER_TSAN 1
#elif defined(__has_feature)
#define KHELP_UNDER_TSAN __has_feature(thread_sanitizer)
#else
#define KHELP_UNDER_TSAN 0
#endif
