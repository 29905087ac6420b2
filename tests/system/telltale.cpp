// A helper that says where and when it was called: what it reports shows whether the replay calls
// report functions and destructors as it calls hooks.
#include <arpa/inet.h>
#include <cerrno>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string_view>

#include <khelp/clock.h>
#include <khelp/khelp.hpp>
#include <khelp/module.h>
#include <khelp/sample.h>
#include <khelp/tcp.hpp>
#include <khelp/vnet.h>

namespace {

bool samples_reports = false;
bool samples_ends = false;
bool throws = false;
bool finds_no_memory = false;

std::int64_t instance_here() {
  const khelp_vnet* here = khelp_vnet_current();
  return here != nullptr ? static_cast<std::int64_t>(here->vnet_serial) : 0;
}

struct kept {
  kept() {
    if (finds_no_memory)
      throw std::bad_alloc();
  }
  kept(const kept&) = delete;
  kept& operator=(const kept&) = delete;
  ~kept() {
    if (samples_ends)
      sample("end");
  }

  /// The connection's instance and time, and how often it was called.
  void sample(const char* field) const {
    if (object == nullptr)
      return;
    khelp_sample("telltale", field, object, calls);
    khelp_sample("telltale", "instance", object, instance_here() - instance);
  }

  khelp_osd* object = nullptr;
  std::int64_t calls = 0;
  std::int64_t latest_ns = 0;
  std::int64_t instance = 0;
  std::uint16_t port = 0;
};

void segment(khelp_tcp_hhook_data& event, kept& data) {
  data.object = event.tp->osd;
  ++data.calls;
  data.latest_ns = khelp_clock_ns();
  data.instance = instance_here();
  data.port = event.tp->t_inpcb->inp_lport;
}

constexpr khelp::typed_hook<kept> hooks[] = {
    khelp::hook<segment>(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN),
    khelp::hook<segment>(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_OUT),
};

constexpr khelp_field fields[] = {
    {"calls", "", "of its hooks", KHELP_FIELD_COUNT, KHELP_FIELD_IN_TABLE},
    {"idle_us", "us", "since the latest", KHELP_FIELD_DURATION, 0},
    {"elsewhere", "", "not 0: reported in another instance", KHELP_FIELD_NUMBER, 0},
};

void report(const void* data, khelp_value* values) {
  const auto& of = *static_cast<const kept*>(data);
  if (throws && of.port == htons(443))
    throw std::runtime_error("a server's end");
  if (samples_reports)
    of.sample("report");
  values[0] = {of.calls, 1, 0};
  values[1] = {khelp_clock_ns() - of.latest_ns, of.calls > 0 ? 1U : 0U, 0};
  values[2] = {instance_here() - of.instance, of.calls > 0 ? 1U : 0U, 0};
}

int set(const char*, const char* value) {
  const std::string_view wanted = value;
  bool* const which = wanted == "samples-reports"   ? &samples_reports
                      : wanted == "samples-ends"    ? &samples_ends
                      : wanted == "throws"          ? &throws
                      : wanted == "finds-no-memory" ? &finds_no_memory
                                                    : nullptr;
  if (which == nullptr)
    return EINVAL;
  *which = true;
  return 0;
}

constexpr khelp_param params[] = {
    {"does", "", "samples-reports, samples-ends, throws or finds-no-memory"}};

constexpr khelp_helper_x declaration() {
  auto telltale = khelp::helper<kept>("telltale", 1, KHELP_HELPER_CLASS_TCP, hooks);
  telltale.fields = fields;
  telltale.nfields = std::size(fields);
  telltale.report = report;
  telltale.params = params;
  telltale.nparams = std::size(params);
  telltale.set_param = set;
  return telltale;
}
constexpr khelp_helper_x helper = declaration();

}  // namespace

KHELP_MODULE(telltale, 1, helper, KHELP_HELPER_CLASS_TCP, kept);
