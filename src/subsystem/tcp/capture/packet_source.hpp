/// Where packets come from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <khelp/result.hpp>

#include "subsystem/tcp/capture/link_layer.hpp"

namespace khelp::tcp {

/// One packet as a source delivers it.
struct frame {
  std::span<const uint8_t> captured;  ///< borrowed until the source's next packet
  uint32_t length = 0;                ///< what it measured on the wire, at least captured.size()
  int64_t when_ns = 0;                ///< nanoseconds since 1970
  link_layer link = link_layer::unknown;
  bool timed = true;  ///< when_ns is its own time; else a guess, and nothing is measured with it
};

/// A file, a stream or an interface, read packet by packet.
class packet_source {
 public:
  virtual ~packet_source() = default;

  /// The next packet; false: there are no more.
  /// Errors   EIO the source is damaged from here on: where and how, in words.
  virtual result<bool> next(frame& packet) = 0;

  /// Call this from next() when it would have to wait for its packet. Sources that never wait need
  /// not. It must not throw.
  virtual void on_wait(const std::function<void()>&) {}

  /// For people: "EN10MB", "LINUX_SLL2" …; several, with commas, as they came up.
  virtual const std::string& link_name() const = 0;
  /// The file or interface, as given.
  virtual const std::string& name() const = 0;
  /// How much of it was delivered, from 0 to 1; nothing: it has no known end.
  virtual std::optional<double> share_read() const { return std::nullopt; }
  /// Parts whose kind is not known and that were skipped: they may have held packets.
  virtual uint64_t skipped_blocks() const { return 0; }
  /// Oddities that did not stop the reading, in words; the first few.
  virtual std::span<const std::string> warnings() const = 0;
};

}  // namespace khelp::tcp
