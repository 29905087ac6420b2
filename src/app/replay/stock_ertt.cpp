#include "app/replay/stock_ertt.hpp"

#include <string_view>

#include <khelp/ertt.h>
#include <khelp/module.h>

namespace khelp::app {

bool is_stock_ertt(const khelp_helper_description& helper, std::uint32_t personality) {
  return personality == KHELP_PERSONALITY_FREEBSD && std::string_view(helper.name) == "ertt" &&
         helper.data_size >= sizeof(khelp_ertt);
}

std::vector<field_spec> stock_ertt_fields() {
  return {{"ticks.rtt", KHELP_FIELD_NUMBER, true},
          {"ticks.minrtt", KHELP_FIELD_NUMBER, true},
          {"ticks.maxrtt", KHELP_FIELD_NUMBER, true},
          {"ticks.markedpkt_rtt", KHELP_FIELD_NUMBER, false},
          {"ticks.bytes_tx_in_marked_rtt", KHELP_FIELD_NUMBER, false},
          {"ticks.dlyack_rx", KHELP_FIELD_NUMBER, false},
          {"ticks.timestamp_errors", KHELP_FIELD_NUMBER, false},
          {"ticks.flags", KHELP_FIELD_FLAGS, false}};
}

std::vector<std::optional<std::int64_t>> stock_ertt_values(const void* data) {
  const auto& ertt = *static_cast<const khelp_ertt*>(data);
  return {ertt.rtt,
          ertt.minrtt,
          ertt.maxrtt,
          ertt.markedpkt_rtt,
          ertt.bytes_tx_in_marked_rtt,
          ertt.dlyack_rx,
          ertt.timestamp_errors,
          ertt.flags};
}

}  // namespace khelp::app
