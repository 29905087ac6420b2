/// Every single measurement, as helpers report them: lines of text, and curves.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include <khelp/sample.h>

#include "app/report/rtt_curves.hpp"
#include "subsystem/tcp/flow.hpp"

namespace khelp::app {

/// Which curves are kept of each end.
enum class curves { none, small, small_and_large };

/// Listens to the samples of connections that one thread at a time follows, if anything is wanted
/// of them.
class measurements : private khelp_sample_sink {
 public:
  /// A sample as a line of CSV, where number_goes_here stands for its connection's number.
  using sample_listener = std::function<void(const tcp::flow&, const std::string& line)>;

  /// on_sample: nullptr: no samples are wanted.
  measurements(sample_listener on_sample, curves wanted);
  measurements(const measurements&) = delete;
  measurements& operator=(const measurements&) = delete;
  ~measurements();

  /// The connections are followed on this thread from now on: until it ends, others listen on it,
  /// or this ends on it.
  void listen();

  /// What was measured at this end, which is forgotten now: the end is about to go. Nothing: no
  /// RTT was measured.
  std::optional<rtt_curves> take(const khelp_osd* end);

  /// No memory for some measurement: the curves and the written samples are incomplete.
  bool incomplete() const noexcept { return incomplete_; }

 private:
  struct end_record {
    std::string names;  ///< "src,dst"
    rtt_curves curves;
  };

  static void receive(khelp_sample_sink* sink, const char* helper, const char* field,
                      khelp_osd* hosd, std::int64_t value);
  void note(const char* helper, const char* field, khelp_osd* hosd, std::int64_t value);
  end_record& record_of(khelp_osd* hosd);

  const sample_listener on_sample_;
  const curves wanted_;
  std::unordered_map<const khelp_osd*, end_record> ends_;
  bool incomplete_ = false;
};

/// The first line of --samples.
constexpr const char* samples_header = "time,connection,src,dst,helper,field,value\n";

}  // namespace khelp::app
