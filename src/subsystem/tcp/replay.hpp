/// Replaying captures through the hook points: what the program's `replay` command drives.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "subsystem/tcp/engine.hpp"
#include "subsystem/tcp/packet_source.hpp"

namespace khelp::tcp {

/// What was read of one capture.
struct capture_summary {
  std::string file;
  std::string link_type;
  uint64_t packets = 0;
  uint64_t tcp_segments = 0;
  uint64_t malformed = 0;  ///< frames whose headers contradict themselves or were not captured
  std::optional<int64_t> first_ns;  ///< time of its first packet; none: it had no packet
  std::optional<int64_t> last_ns;
  std::string error;  ///< why it could not be opened or read on, where; "": it was read whole
  std::vector<std::string> remarks;  ///< oddities that did not stop the reading; the first few
};

/// Captures in the order they are opened, packet by packet, as one stream on one clock.
///
/// One at a time per process (it owns the TCP points), used by one thread.
class replay_session {
 public:
  struct settings {
    flow_limits limits = {};
    instances_by instances = instances_by::none;
    engine::close_listener on_close = {};  ///< see engine
  };

  /// Errors   EEXIST the points are taken · ENOMEM.
  static result<std::unique_ptr<replay_session>> create(settings wanted);

  /// Open the next capture; "-" is standard input. What goes wrong is in its summary too.
  result<void> open(const std::string& file);
  /// The same for a source made elsewhere.
  void open(std::unique_ptr<packet_source> source);

  /// Replay one packet of the open capture. false: it has no more; its summary says whether it was
  /// damaged.
  bool step();

  /// Close all connections. Call it when the last capture has been read, before helpers are
  /// unloaded.
  void flush() { engine_.flush(); }

  /// How much of the open capture was replayed, from 0 to 1; nothing: it has no known end.
  std::optional<double> share_read() const {
    return source_ != nullptr ? source_->share_read() : std::nullopt;
  }

  const std::vector<capture_summary>& captures() const { return captures_; }
  /// Packets replayed so far, over all captures.
  uint64_t packets() const { return packets_; }
  const engine& connections() const { return engine_; }

 private:
  replay_session(points where, settings wanted);

  void finish(const std::string& error);

  uint32_t instance_of(const segment& seg) const;

  const instances_by instances_;
  points points_;
  engine engine_;
  std::unique_ptr<packet_source> source_;
  std::vector<capture_summary> captures_;
  uint64_t packets_ = 0;
};

}  // namespace khelp::tcp
