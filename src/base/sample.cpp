#include <utility>

#include <khelp/sample.h>

namespace {
__thread khelp_sample_sink* sink __attribute__((tls_model("initial-exec"))) = nullptr;
}

extern "C" khelp_sample_sink* khelp_sample_set_sink(khelp_sample_sink* listener) noexcept {
  return std::exchange(sink, listener);
}

extern "C" void khelp_sample(const char* helper, const char* field, khelp_osd* hosd,
                             int64_t value) {
  if (sink != nullptr)
    sink->sample(sink, helper, field, hosd, value);
}
