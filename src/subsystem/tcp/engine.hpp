/// What a segment does to its connection, in the order of a BSD stack: the sender's point, the
/// receiver's point, and only then the state that both points read.
#pragma once

#include <cstdint>
#include <functional>

#include "subsystem/tcp/decode.hpp"
#include "subsystem/tcp/flow_table.hpp"
#include "subsystem/tcp/points.hpp"

namespace khelp::tcp {

/// Why a connection is reported.
enum class ending : uint8_t {
  closed,   ///< both FINs acknowledged, and silence since
  reset,    ///< RST, and silence since
  reused,   ///< a new SYN for the same addresses and ports
  silent,   ///< nothing for too long
  crowded,  ///< the table was full
  flushed,  ///< the replay ended
};

/// When and where a segment was captured.
struct capture_position {
  int64_t when_ns = 0;
  uint32_t capture = 0;   ///< which capture of the replay, from 0
  uint64_t packet = 0;    ///< which packet of it, from 1
  uint32_t instance = 0;  ///< where the connection is looked for; its points were entered
};

class engine {
 public:
  /// Called once for every connection, while helpers' data on its ends is still there.
  using close_listener = std::function<void(const flow&, ending)>;

  engine(const points& where, const flow_limits& limits, close_listener on_close);
  ~engine();

  /// Time goes on, whatever the packet holds: silent connections are closed.
  void tick(int64_t when_ns);
  /// A segment; tick() was called with its time.
  void apply(const segment& seg, const capture_position& at);
  /// Close all connections.
  void flush();

  /// Every connection that lives, in no particular order.
  void for_each_live(const std::function<void(const flow&)>& visit) const {
    table_.for_each(visit);
  }
  /// Connections alive now, and ever.
  size_t live() const { return table_.size(); }
  uint64_t opened() const { return opened_; }
  /// Ends for whose helpers there was no memory.
  uint64_t ends_without_data() const { return ends_without_data_; }

 private:
  flow& open(const segment& seg, const segment_key& found, uint64_t hash);
  void close(flow& gone, ending why);
  void apply_to(flow& f, end& from, end& to, const segment& seg, const capture_position& at);

  const points& points_;
  const close_listener on_close_;
  flow_table table_;
  uint64_t opened_ = 0;
  uint64_t ends_without_data_ = 0;
};

}  // namespace khelp::tcp
