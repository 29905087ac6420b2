/// Every single measurement, as helpers report them: written down, and drawn as curves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include <khelp/sample.h>

#include "app/khelp/output.hpp"
#include "app/khelp/plot.hpp"
#include "app/khelp/series.hpp"

namespace khelp::app {

/// How finely the curves of one end are kept.
constexpr std::size_t sparkline_slots = 24;
constexpr std::size_t plot_slots = 512;

/// The RTT of the data one end sent, over time.
struct rtt_curves {
  series small{sparkline_slots};
  series large{plot_slots};  ///< empty unless there is a plot
};

/// Listens on this thread for as long as it lives.
class measurements : private khelp_sample_sink {
 public:
  /// samples: where to write them; nullptr: nowhere. It must have been given no text yet.
  measurements(output* samples, bool plot);
  measurements(const measurements&) = delete;
  measurements& operator=(const measurements&) = delete;
  ~measurements();

  /// What was measured at this end, which is forgotten now: the end is about to go. Nothing: no
  /// RTT was measured.
  std::optional<rtt_curves> take(const khelp_osd* end);

  /// No memory for some measurement: the curves and the written samples are incomplete.
  bool incomplete() const noexcept { return incomplete_; }

 private:
  struct end_record {
    std::uint64_t connection;  ///< its number, as in the reports
    std::string names;         ///< "src,dst"
    rtt_curves curves;
  };

  static void receive(khelp_sample_sink* sink, const char* helper, const char* field,
                      khelp_osd* hosd, std::int64_t value);
  void note(const char* helper, const char* field, khelp_osd* hosd, std::int64_t value);
  end_record& record_of(khelp_osd* hosd);

  output* const samples_;
  const bool plot_;
  khelp_sample_sink* const before_;
  std::unordered_map<const khelp_osd*, end_record> ends_;
  bool incomplete_ = false;
};

}  // namespace khelp::app
