/// Packets from pcap files, through libpcap.
#pragma once

#include <memory>
#include <string>

#include "subsystem/tcp/capture/byte_input.hpp"
#include "subsystem/tcp/capture/packet_source.hpp"
#include "subsystem/tcp/capture/source_notes.hpp"

struct pcap;

namespace khelp::tcp {

/// A capture in any format but pcapng that libpcap reads: pcap in both byte orders, micro- and
/// nanoseconds, and its variants.
class pcap_source final : public packet_source {
 public:
  /// Errors   EINVAL not a capture, or its header is damaged · ENOTSUP a link type that cannot be
  ///          decoded.
  static result<std::unique_ptr<packet_source>> open(const std::string& name,
                                                     std::unique_ptr<byte_input> input);

  result<bool> next(frame& packet) override;
  void on_wait(const std::function<void()>& listener) override;
  const std::string& link_name() const override { return link_name_; }
  const std::string& name() const override { return name_; }
  std::optional<double> share_read() const override;
  std::span<const std::string> warnings() const override { return warnings_.texts(); }

  ~pcap_source() override;

 private:
  struct stream;

  pcap_source(const std::string& name, pcap* handle);

  std::string position() const;
  packet_time time_of(int64_t seconds, int64_t nanoseconds);
  void warn(const std::string& text);

  // Constant after open().
  const std::string name_;
  pcap* const handle_;
  std::unique_ptr<char[]> room_;    // the open file's
  std::unique_ptr<stream> stream_;  // what the open file reads
  link_layer link_ = link_layer::unknown;
  std::string link_name_;

  uint64_t packets_ = 0;  // delivered so far
  packet_times times_;
  warning_list warnings_;
};

}  // namespace khelp::tcp
