/// Packets from pcapng files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "subsystem/tcp/capture/block_reader.hpp"
#include "subsystem/tcp/capture/packet_source.hpp"
#include "subsystem/tcp/capture/source_notes.hpp"

namespace khelp::tcp {

/// A pcapng capture: any number of sections, each with its byte order and its interfaces, each of
/// these with its link type, snapshot length and clock. docs/decisions/0011 says why it is not read
/// through libpcap.
///
/// Blocks that hold no packet are passed over; so are those of an unknown type, which are counted.
/// What contradicts itself ends the reading: nothing after it can be trusted to be a block.
///
/// Source   draft-ietf-opsawg-pcapng.
class pcapng_source final : public packet_source {
 public:
  /// A file that begins so is one.
  static bool begins_with(std::span<const uint8_t> bytes);

  /// Errors   EINVAL the header of its first section is damaged · the errno of reading.
  static result<std::unique_ptr<packet_source>> open(const std::string& name,
                                                     std::unique_ptr<byte_input> input);

  /// Errors   also ENOTSUP: it held packets, and no link type of them can be decoded.
  result<bool> next(frame& packet) override;
  void on_wait(const std::function<void()>& listener) override {
    blocks_.input().on_wait(listener);
  }
  const std::string& link_name() const override { return link_name_; }
  const std::string& name() const override { return name_; }
  std::optional<double> share_read() const override;
  uint64_t skipped_blocks() const override { return skipped_blocks_; }
  std::span<const std::string> warnings() const override { return warnings_.texts(); }

 private:
  /// How an interface's clock counts: units since 1970 become nanoseconds.
  struct clock {
    enum class unit : uint8_t { multiple_of_ns, fraction_of_ns, power_of_two };
    unit what = unit::multiple_of_ns;
    uint8_t exponent = 0;    // power_of_two: of a second
    uint64_t factor = 1000;  // nanoseconds in a unit, or units in a nanosecond; 0: beyond 64 bits
    int64_t offset_s = 0;

    void set_resolution(uint8_t stated);
    std::optional<int64_t> nanoseconds(uint64_t units) const;
  };
  struct interface {
    link_layer link;
    uint32_t link_type;
    uint32_t snap_length;  // 0: none
    clock time;
    bool named = false;  // in link_name_
  };
  /// A block between its two lengths.
  struct block {
    uint32_t type;
    uint32_t size;  // all of it
    std::span<const uint8_t> body;
  };
  class options;

  pcapng_source(const std::string& name, std::unique_ptr<byte_input> input)
      : name_(name), blocks_(std::move(input)) {}

  result<bool> next_packet(frame& packet);
  result<bool> next_block(block& found);
  result<void> begin_section(const block& header);
  result<void> add_interface(const block& description);
  result<bool> take(const block& found, frame& packet);
  result<bool> take_stamped(const block& found, frame& packet);
  result<bool> take_simple(const block& found, frame& packet);
  result<bool> deliver(size_t interface, std::span<const uint8_t> captured, uint32_t length,
                       std::optional<uint64_t> stamp, frame& packet);
  packet_time time_of(const interface& from, std::optional<uint64_t> stamp);
  void name_link(interface& from);

  uint16_t u16(std::span<const uint8_t> bytes, size_t at) const;
  uint32_t u32(std::span<const uint8_t> bytes, size_t at) const;
  std::string position() const;
  failure damaged(const std::string& text) const;

  const std::string name_;
  block_reader blocks_;
  size_t delivered_ = 0;  // bytes at the window's front that the block taken last lies in
  bool big_endian_ = false;
  std::vector<interface> interfaces_;  // of the section
  std::string link_name_;
  uint64_t packets_ = 0;  // delivered so far
  uint64_t unknown_links_ = 0;
  uint64_t skipped_blocks_ = 0;
  packet_times times_;
  warning_list warnings_;
};

}  // namespace khelp::tcp
