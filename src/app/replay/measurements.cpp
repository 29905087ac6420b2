#include "app/replay/measurements.hpp"

#include <cstddef>
#include <fmt/format.h>
#include <string_view>
#include <utility>

#include <khelp/clock.h>
#include <khelp/tcp.h>

#include "app/cli/units.hpp"
#include "app/report/csv_report.hpp"
#include "app/report/numbered_text.hpp"
#include "subsystem/tcp/address.hpp"

namespace khelp::app {
namespace {

constexpr std::string_view rtt_field = "rtt_us";

/// The slots of an end are part of its control block (tcp.h: t_osd).
const khelp_tcpcb& end_of(const khelp_osd* slots) {
  const auto* bytes = reinterpret_cast<const char*>(slots);
  return *reinterpret_cast<const khelp_tcpcb*>(bytes - offsetof(khelp_tcpcb, t_osd));
}

/// A field in microseconds is measured in nanoseconds (sample.h).
std::string value_text(std::string_view field, std::int64_t value) {
  return field.ends_with("_us") ? fixed_decimal(value, 3) : std::to_string(value);
}

}  // namespace

measurements::measurements(sample_listener on_sample, curves wanted)
    : khelp_sample_sink{&receive}, on_sample_(std::move(on_sample)), wanted_(wanted) {}

measurements::~measurements() {
  khelp_sample_sink* const current = khelp_sample_set_sink(nullptr);
  if (current != this)
    khelp_sample_set_sink(current);
}

void measurements::listen() {
  khelp_sample_set_sink(on_sample_ || wanted_ != curves::none ? this : nullptr);
}

std::optional<rtt_curves> measurements::take(const khelp_osd* end) {
  auto node = ends_.extract(end);
  if (node.empty() || node.mapped().curves.small.empty())
    return std::nullopt;
  return std::move(node.mapped().curves);
}

void measurements::receive(khelp_sample_sink* sink, const char* helper, const char* field,
                           khelp_osd* hosd, std::int64_t value) {
  auto& self = *static_cast<measurements*>(sink);
  try {
    self.note(helper, field, hosd, value);
  } catch (...) {
    // Out of a hook an exception would suspend the helper for our lack of memory.
    self.incomplete_ = true;
  }
}

void measurements::note(const char* helper, const char* field, khelp_osd* hosd,
                        std::int64_t value) {
  if (hosd == nullptr)
    return;
  end_record& end = record_of(hosd);
  const std::int64_t now = khelp_clock_ns();
  if (field == rtt_field && wanted_ != curves::none) {
    end.curves.small.add(now, value);
    if (wanted_ == curves::small_and_large)
      end.curves.large.add(now, value);
  }
  if (on_sample_)
    on_sample_(
        tcp::flow::of(end_of(hosd)),
        fmt::format("{},{},{},{},{},{}\n", fixed_decimal(now, 9), number_goes_here, end.names,
                    csv_field(helper), csv_field(field), value_text(field, value)));
}

measurements::end_record& measurements::record_of(khelp_osd* hosd) {
  if (auto known = ends_.find(hosd); known != ends_.end())
    return known->second;
  end_record made;
  if (on_sample_) {
    const khelp_inpcb& who = *end_of(hosd).t_inpcb;
    made.names = tcp::local_text(who) + "," + tcp::foreign_text(who);
  }
  return ends_.emplace(hosd, std::move(made)).first->second;
}

}  // namespace khelp::app
