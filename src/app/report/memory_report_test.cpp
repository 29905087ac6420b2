#include "app/report/memory_report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace khelp::app {
namespace {

snapshot::memory_info sample() {
  snapshot::memory_info memory;
  snapshot::zone_info zone;
  zone.name = "tcp flow";
  zone.item_size = 512;
  zone.used = 3;
  zone.free = 5;
  zone.requests = 1234;
  memory.zones.push_back(zone);
  snapshot::memory_type_info type;
  type.name = "thing";
  type.in_use = 2;
  type.bytes = 2048;
  type.high_water = 4096;
  type.requests = 9;
  type.frees = 7;
  type.mismatches = 1;
  type.sizes = {64, 1024};
  memory.types.push_back(type);
  return memory;
}

TEST(memory_report, is_two_tables_for_people) {
  EXPECT_EQ(
      memory_text(sample(), false),
      "ZONE      SIZE  LIMIT  USED  FREE  REQUESTS  FAILURES  SLEEPS  CROSSED\n"
      "tcp flow   512      0     3     5     1,234         0       0        0\n"
      "\n"
      "TYPE   IN USE    MEMORY  HIGH WATER  REQUESTS  FREES  WRONG TYPE  FAILURES    SIZES\n"
      "thing       2  2.00 KiB    4.00 KiB         9      7           1         0  64,1024\n");
}

TEST(memory_report, names_in_a_table_do_not_reach_the_terminal_as_they_are) {
  snapshot::memory_info memory = sample();
  memory.zones[0].name = "a\nzone";
  memory.types[0].name = "seg\"ment\n\x1b[31m\xff";
  const std::string text = memory_text(memory, false);
  EXPECT_NE(text.find("\na\\nzone "), std::string::npos) << text;
  EXPECT_NE(text.find("\nseg\"ment\\n\\x1b[31m\\xff "), std::string::npos) << text;
}

TEST(memory_report, a_table_without_rows_says_that_there_are_none) {
  EXPECT_EQ(memory_text({}, false), "No zone was made.\n\nNo type of memory was used.\n");
}

TEST(memory_report, is_an_object_for_programs) {
  std::string text;
  json_writer json(text);
  write_memory(json, sample());
  const auto document = nlohmann::json::parse(text);
  EXPECT_EQ(document["zones"][0]["name"], "tcp flow");
  EXPECT_EQ(document["zones"][0]["used"], 3);
  EXPECT_EQ(document["types"][0]["high_water"], 4096);
  EXPECT_EQ(document["types"][0]["frees"], 7);
  EXPECT_EQ(document["types"][0]["mismatches"], 1);
  EXPECT_EQ(document["types"][0]["sizes"], nlohmann::json({64, 1024}));
}

}  // namespace
}  // namespace khelp::app
