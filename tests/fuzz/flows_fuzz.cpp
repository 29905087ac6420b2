// Whole replays of arbitrary bytes, in the shape of a capture file so that captures are its corpus:
// packets, flows, control blocks and the points, with a hook that checks what must always hold. The
// times of the records are used as they are: they jump and run backwards.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <khelp/hhook.h>
#include <khelp/tcp.h>

#include "subsystem/tcp/replay.hpp"

namespace {

using khelp::tcp::frame;
using khelp::tcp::link_layer;

std::uint32_t little_endian(const std::uint8_t* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

class bytes_source final : public khelp::tcp::packet_source {
 public:
  explicit bytes_source(std::span<const std::uint8_t> bytes)
      : link_(static_cast<link_layer>(bytes[20] % khelp::tcp::link_layers)),
        rest_(bytes.subspan(file_header)) {}

  khelp::result<bool> next(frame& packet) override {
    if (rest_.size() <= record_header)
      return false;
    const std::uint8_t* header = rest_.data();
    const std::size_t captured =
        std::min<std::size_t>(little_endian(header + 8), rest_.size() - record_header);
    held_.assign(header + record_header, header + record_header + captured);
    packet.captured = held_;
    packet.length = std::max(little_endian(header + 12), static_cast<std::uint32_t>(captured));
    packet.link = link_;
    packet.when_ns =
        std::int64_t{little_endian(header)} * 1'000'000'000 + little_endian(header + 4);
    rest_ = rest_.subspan(record_header + captured);
    return true;
  }
  const std::string& link_name() const override { return name_; }
  const std::string& name() const override { return name_; }
  std::span<const std::string> warnings() const override { return {}; }

  static constexpr std::size_t file_header = 24;
  static constexpr std::size_t record_header = 16;

 private:
  const link_layer link_;
  const std::string name_ = "fuzz";
  std::span<const std::uint8_t> rest_;
  std::vector<std::uint8_t> held_;
};

int check(int32_t, int32_t id, void*, void* data, void*, khelp_osd*) {
  const auto& context = *static_cast<khelp_tcp_hhook_data*>(data);
  const khelp_tcpcb& tp = *context.tp;
  const bool sound = static_cast<int32_t>(tp.snd_max - tp.snd_una) >= 0 && tp.t_maxseg != 0 &&
                     context.resent <= context.payload && tp.t_peer->t_peer == &tp;
  const bool acceptable =
      id == KHELP_HHOOK_TCP_EST_OUT ||
      (tp.t_state >= KHELP_TCPS_ESTABLISHED && static_cast<int32_t>(context.ack - tp.snd_max) <= 0);
  if (!sound || !acceptable)
    std::abort();
  return 0;
}

bool listen() {
  for (const int32_t id : {KHELP_HHOOK_TCP_EST_IN, KHELP_HHOOK_TCP_EST_OUT}) {
    khelp_hookinfo hook{};
    hook.hook_func = check;
    hook.hook_type = KHELP_HHOOK_TYPE_TCP;
    hook.hook_id = id;
    if (khelp_hhook_add_hook_lookup(&hook, KHELP_HHOOK_WAITOK) != 0)
      std::abort();
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < bytes_source::file_header)
    return 0;
  [[maybe_unused]] static const bool listening = listen();
  auto session = khelp::tcp::replay_session::create({});
  if (!session)
    std::abort();
  (*session)->open(std::make_unique<bytes_source>(std::span(data, size)));
  while ((*session)->step()) {
  }
  return 0;
}
