/// Packets from capture files and standard input, through libpcap.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "subsystem/tcp/packet_source.hpp"

struct pcap;

namespace khelp::tcp {

/// A capture in any format libpcap reads: pcap in both byte orders, micro- and nanoseconds, pcapng.
class pcap_source final : public packet_source {
 public:
  /// Open a file; "-" is standard input.
  ///
  /// Errors   the errno of opening it · EINVAL not a capture, or its header is damaged · ENOTSUP a
  ///          link type that cannot be decoded.
  static result<std::unique_ptr<pcap_source>> open(const std::string& name);

  result<bool> next(frame& packet) override;
  void on_wait(const std::function<void()>& told) override;
  link_layer link() const override { return link_; }
  const std::string& link_name() const override { return link_name_; }
  const std::string& name() const override { return name_; }
  std::optional<double> share_read() const override;
  std::span<const std::string> remarks() const override { return remarks_; }

  ~pcap_source() override;

 private:
  struct stream;

  pcap_source(const std::string& name, pcap* handle);

  std::string position() const;
  int64_t time_of(int64_t seconds, int64_t nanoseconds);
  void remark(const std::string& words);

  // Constant after open().
  const std::string name_;
  pcap* const handle_;
  std::unique_ptr<char[]> room_;    // the open file's
  std::unique_ptr<stream> stream_;  // nullptr: a regular file
  link_layer link_ = link_layer::ethernet;
  std::string link_name_;
  int64_t file_bytes_ = 0;  // 0: no regular file

  uint64_t packets_ = 0;     // delivered so far
  int64_t previous_ns_ = 0;  // time of the latest packet whose own time was good
  std::vector<std::string> remarks_;
};

}  // namespace khelp::tcp
