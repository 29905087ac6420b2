#include "app/replay/stock_ertt.hpp"

#include <gtest/gtest.h>

#include <khelp/ertt.h>
#include <khelp/module.h>

namespace khelp::app {
namespace {

khelp_helper_description described(const char* name, std::size_t data_size) {
  khelp_helper_description made{};
  made.name = name;
  made.data_size = data_size;
  return made;
}

TEST(stockertt, only_a_freebsd_module_of_that_name_and_size_is_taken_for_it) {
  const auto ertt = described("ertt", sizeof(khelp_ertt));
  EXPECT_TRUE(is_stock_ertt(ertt, KHELP_PERSONALITY_FREEBSD));
  EXPECT_FALSE(is_stock_ertt(ertt, KHELP_PERSONALITY_NATIVE));
  EXPECT_FALSE(is_stock_ertt(described("ertt", 8), KHELP_PERSONALITY_FREEBSD));
  EXPECT_FALSE(is_stock_ertt(described("other", 72), KHELP_PERSONALITY_FREEBSD));
}

TEST(stockertt, each_value_stands_at_its_field) {
  khelp_ertt ertt{};
  ertt.rtt = 1;
  ertt.minrtt = 2;
  ertt.maxrtt = 3;
  ertt.markedpkt_rtt = 4;
  ertt.bytes_tx_in_marked_rtt = 5;
  ertt.dlyack_rx = 6;
  ertt.timestamp_errors = 7;
  ertt.flags = 8;
  const auto fields = stock_ertt_fields();
  const auto values = stock_ertt_values(&ertt);
  ASSERT_EQ(fields.size(), values.size());
  const char* names[] = {"ticks.rtt",
                         "ticks.minrtt",
                         "ticks.maxrtt",
                         "ticks.markedpkt_rtt",
                         "ticks.bytes_tx_in_marked_rtt",
                         "ticks.dlyack_rx",
                         "ticks.timestamp_errors",
                         "ticks.flags"};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    EXPECT_EQ(fields[i].name, names[i]);
    EXPECT_EQ(values[i], static_cast<std::int64_t>(i + 1));
  }
}

}  // namespace
}  // namespace khelp::app
