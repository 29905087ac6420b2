/// What a shard's connections come to, noted on the thread that follows them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/replay/helper_set.hpp"
#include "app/replay/measurements.hpp"
#include "app/report/report.hpp"
#include "app/report/report_writer.hpp"
#include "subsystem/tcp/shard.hpp"

namespace khelp::app {

/// Something to report.
struct replay_event {
  enum kind_of_event : std::uint8_t { began, sample, closed };

  tcp::event_key when;
  std::uint64_t connection = 0;  ///< flow::began_at
  kind_of_event kind = began;
  std::uint8_t directions_with_data = 0;  ///< closed
  std::uint64_t copies = 0;               ///< closed
  /// Where its text is in shard_events::text: a line of --samples, or report_writer's of a closed
  /// connection.
  std::size_t text_begin = 0;
  std::size_t text_end = 0;
  std::unique_ptr<closed_connection> kept;  ///< closed, with reporting::keep_reports
};

/// What one shard notes of one batch, in order.
struct shard_events final : tcp::batch_result {
  std::vector<replay_event> all;
  std::string text;  ///< number_goes_here stands for connections' numbers

  void clear();

  std::string_view text_of(const replay_event& one) const {
    return std::string_view(text).substr(one.text_begin, one.text_end - one.text_begin);
  }
};

/// What all shards have in common. Changed only while no shard runs.
struct reporting {
  const helper_set& helpers;
  curves wanted_curves = curves::none;
  bool wants_samples = false;
  bool keep_reports = false;
  const report_writer* writer = nullptr;
};

class shard_reporter final : public tcp::shard_watcher {
 public:
  explicit shard_reporter(const reporting& common) : common_(common) {}

  void enter() override;
  void began(const tcp::flow& fresh) override;
  void closes(const tcp::flow& gone, tcp::ending why) override;
  void closed(const tcp::flow& gone) override;
  /// What helpers measured at its ends is kept for when it closes.
  void releases(const tcp::flow& flow) override;
  std::unique_ptr<tcp::batch_result> new_batch_result() override;
  void note_into(tcp::batch_result& batch) override;

  /// See measurements.
  bool incomplete() const { return measurements_ && measurements_->incomplete(); }
  /// How often each helper's report function threw: by the schemas, as far as any did.
  const std::vector<std::uint64_t>& reports_thrown() const { return reports_thrown_; }

 private:
  std::vector<std::optional<helper_data>> read(const tcp::end& end);
  std::vector<std::optional<helper_data>> read_now(const tcp::end& end);
  replay_event& note(const tcp::flow& flow, replay_event::kind_of_event kind);

  const reporting& common_;
  std::optional<measurements> measurements_;  ///< once something runs
  std::unordered_map<const tcp::end*, std::vector<std::optional<helper_data>>> harvest_;
  std::vector<std::uint64_t> reports_thrown_;
  connection_report closing_;  ///< of the connection that closes
  shard_events* batch_ = nullptr;
};

}  // namespace khelp::app
