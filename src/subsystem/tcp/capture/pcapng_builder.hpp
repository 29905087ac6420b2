/// Tests' pcapng files, block by block, and where they are read from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "subsystem/tcp/capture/byte_input.hpp"
#include "subsystem/tcp/capture/frame_builder.hpp"

namespace khelp::tcp::build {

/// Delivers bytes a few at a time.
class chunked_input final : public byte_input {
 public:
  chunked_input(bytes content, size_t chunk) : content_(std::move(content)), chunk_(chunk) {}

  result<size_t> read(std::span<uint8_t> to) override {
    const size_t taken = std::min({to.size(), chunk_, content_.size() - at_});
    if (taken != 0)
      std::memcpy(to.data(), &content_[at_], taken);
    at_ += taken;
    return taken;
  }

 private:
  const bytes content_;
  const size_t chunk_;
  size_t at_ = 0;
};

struct pcapng_fields {
  uint16_t link_type = 1;
  uint32_t snap_length = 0;
  bytes options = {};
};

/// Blocks of one byte order.
class pcapng {
 public:
  explicit pcapng(bool big_endian = false) : big_endian_(big_endian) {}

  bytes u16(uint32_t value) const {
    const bytes big{static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
    return big_endian_ ? big : bytes{big[1], big[0]};
  }
  bytes u32(uint32_t value) const {
    return big_endian_ ? u16(value >> 16) + u16(value) : u16(value) + u16(value >> 16);
  }
  bytes option(uint16_t code, const bytes& value) const {
    return u16(code) + u16(static_cast<uint32_t>(value.size())) + padded(value);
  }
  bytes block(uint32_t type, const bytes& body) const {
    const bytes size = u32(static_cast<uint32_t>(body.size() + 12));
    return u32(type) + size + body + size;
  }
  bytes section(uint16_t version = 1) const {
    return block(0x0a0d0d0a,
                 u32(0x1a2b3c4d) + u16(version) + u16(0) + u32(0xffffffff) + u32(0xffffffff));
  }
  bytes interface(const pcapng_fields& fields = {}) const {
    return block(1, u16(fields.link_type) + u16(0) + u32(fields.snap_length) + fields.options);
  }
  bytes resolution(uint8_t stated) const { return option(9, {stated}); }
  bytes offset(int64_t seconds) const {
    const auto value = static_cast<uint64_t>(seconds);
    const bytes high = u32(static_cast<uint32_t>(value >> 32));
    const bytes low = u32(static_cast<uint32_t>(value));
    return option(14, big_endian_ ? high + low : low + high);
  }
  bytes enhanced(uint32_t interface, uint64_t units, const bytes& frame,
                 const bytes& options = {}) const {
    return block(6, u32(interface) + stamped(units, frame) + options);
  }
  bytes obsolete(uint16_t interface, uint64_t units, const bytes& frame) const {
    return block(2, u16(interface) + u16(0) + stamped(units, frame));
  }
  bytes simple(const bytes& frame, uint32_t length) const {
    return block(3, u32(length) + padded(frame));
  }

 private:
  static bytes padded(bytes value) {
    value.resize((value.size() + 3) / 4 * 4);
    return value;
  }
  bytes stamped(uint64_t units, const bytes& frame) const {
    const auto size = static_cast<uint32_t>(frame.size());
    return u32(static_cast<uint32_t>(units >> 32)) + u32(static_cast<uint32_t>(units)) + u32(size) +
           u32(size) + padded(frame);
  }

  const bool big_endian_;
};

}  // namespace khelp::tcp::build
