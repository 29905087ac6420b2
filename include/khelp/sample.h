/// Single measurements, as they happen: a helper reports them, the driver of the thread may listen.
#ifndef KHELP_SAMPLE_H
#define KHELP_SAMPLE_H

#include <stdint.h>

#include <khelp/export.h>
#include <khelp/osd.h>

KHELP_BEGIN_DECLS

/// Listens to the samples of one thread.
struct khelp_sample_sink {
  /// helper: its name. field: the reported field it belongs to ("rtt_us"). value: in the field's
  /// unit as struct khelp_field says (durations in nanoseconds). The time is khelp_clock_ns().
  void (*sample)(struct khelp_sample_sink* sink, const char* helper, const char* field,
                 struct khelp_osd* hosd, int64_t value);
};

/// Listen on this thread; NULL: stop. Returns the sink before.
KHELP_API struct khelp_sample_sink* khelp_sample_set_sink(struct khelp_sample_sink* sink)
    KHELP_NOTHROW;

/// Report a measurement. Cost: one call and a thread-local load when nobody listens.
KHELP_API void khelp_sample(const char* helper, const char* field, struct khelp_osd* hosd,
                            int64_t value);

KHELP_END_DECLS

#endif
