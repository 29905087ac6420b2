#include "subsystem/tcp/capture/pcapng_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "subsystem/tcp/capture/pcapng_builder.hpp"

namespace khelp::tcp {
namespace {

using build::bytes;
using build::operator+;
using build::pcapng;
using testing::ElementsAre;
using testing::HasSubstr;

/// A packet that outlives its source.
struct packet {
  bytes captured;
  uint32_t length;
  link_layer link;
  bool timed;
  int64_t when_ns;
};

/// What a file held, and how its reading ended.
struct reading {
  std::vector<packet> packets;
  std::string error;
  int code = 0;
  std::string link_name;
  uint64_t skipped = 0;
  std::vector<std::string> warnings;

  std::vector<int64_t> times() const {
    std::vector<int64_t> all;
    for (const packet& each : packets)
      all.push_back(each.when_ns);
    return all;
  }
};

reading read_in_chunks(const bytes& file, size_t chunk) {
  reading found;
  auto source = pcapng_source::open("file", std::make_unique<build::chunked_input>(file, chunk));
  if (!source) {
    found.error = source.error().detail;
    found.code = source.error().code;
    return found;
  }
  for (;;) {
    frame next;
    const auto more = (*source)->next(next);
    if (!more) {
      found.error = more.error().detail;
      found.code = more.error().code;
    }
    if (!more || !*more)
      break;
    found.packets.push_back({bytes(next.captured.begin(), next.captured.end()), next.length,
                             next.link, next.timed, next.when_ns});
  }
  found.link_name = (*source)->link_name();
  found.skipped = (*source)->skipped_blocks();
  found.warnings.assign((*source)->warnings().begin(), (*source)->warnings().end());
  return found;
}

reading read(const bytes& file) {
  constexpr size_t all_at_once = 1 << 20;
  return read_in_chunks(file, all_at_once);
}

const bytes frame_a(61, 0xaa);
const bytes frame_b(40, 0xbb);
constexpr int64_t second = 1'000'000'000;

TEST(pcapng, reads_both_byte_orders) {
  for (const bool big_endian : {false, true}) {
    const pcapng ng(big_endian);
    const reading found = read(ng.section() + ng.interface() + ng.enhanced(0, 5'000'001, frame_a));
    EXPECT_EQ(found.error, "");
    ASSERT_EQ(found.packets.size(), 1u);
    EXPECT_EQ(found.packets[0].captured, frame_a);
    EXPECT_EQ(found.packets[0].length, 61u);
    EXPECT_EQ(found.packets[0].link, link_layer::ethernet);
    EXPECT_TRUE(found.packets[0].timed);
    EXPECT_EQ(found.packets[0].when_ns, 5 * second + 1000);
    EXPECT_EQ(found.link_name, "EN10MB");
  }
}

TEST(pcapng, each_interface_has_its_link_type_snapshot_length_and_clock) {
  const pcapng ng;
  const reading found =
      read(ng.section() + ng.interface({.snap_length = 65535}) +
           ng.interface({.link_type = 113, .options = ng.resolution(9)}) +
           ng.enhanced(0, 1'000'000, frame_a) + ng.enhanced(1, 2'000'000'000, frame_b) +
           ng.enhanced(0, 3'000'000, frame_b));
  EXPECT_EQ(found.error, "");
  EXPECT_THAT(found.times(), ElementsAre(second, 2 * second, 3 * second));
  EXPECT_EQ(found.packets[0].link, link_layer::ethernet);
  EXPECT_EQ(found.packets[1].link, link_layer::linux_cooked);
  EXPECT_EQ(found.link_name, "EN10MB, LINUX_SLL");
}

TEST(pcapng, each_section_has_its_byte_order_and_its_interfaces) {
  const pcapng little(false);
  const pcapng big(true);
  const reading found =
      read(little.section() + little.interface() + little.interface({.link_type = 101}) +
           little.enhanced(1, 1'000'000, frame_a) +  //
           big.section() + big.interface({.link_type = 276}) + big.enhanced(0, 2'000'000, frame_b) +
           little.section() + little.interface() + little.enhanced(0, 3'000'000, frame_a));
  EXPECT_EQ(found.error, "");
  EXPECT_THAT(found.times(), ElementsAre(second, 2 * second, 3 * second));
  EXPECT_EQ(found.packets[0].link, link_layer::raw_ip);
  EXPECT_EQ(found.packets[1].link, link_layer::linux_cooked2);
  EXPECT_EQ(found.packets[2].link, link_layer::ethernet);
}

TEST(pcapng, an_interface_of_a_section_before_is_not_one_of_this_section) {
  const pcapng ng;
  const reading found = read(ng.section() + ng.interface() + ng.enhanced(0, 1, frame_a) +
                             ng.section() + ng.enhanced(0, 2, frame_a));
  EXPECT_EQ(found.packets.size(), 1u);
  EXPECT_EQ(found.code, EIO);
  EXPECT_THAT(found.error, HasSubstr("file: packet 2, at byte "));
  EXPECT_THAT(found.error, HasSubstr("interface 0 was not described"));
}

TEST(pcapng, clocks_count_in_powers_of_ten_or_two_and_may_be_offset) {
  const struct {
    uint8_t resolution;
    int64_t offset;
    uint64_t units;
    int64_t when_ns;
  } cases[] = {
      {0, 0, 7, 7 * second},
      {3, 0, 7'001, 7 * second + 1'000'000},
      {6, 0, 7'000'001, 7 * second + 1'000},
      {9, 0, 7'000'000'001, 7 * second + 1},
      {12, 0, 7'000'000'001'999, 7 * second + 1},
      {19, 0, 10'000'000'000'000'000'000u, second},
      {0x80 | 0, 0, 7, 7 * second},
      {0x80 | 10, 0, 7 * 1024 + 512, 7 * second + 500'000'000},
      {0x80 | 20, 0, (7 << 20) + 1, 7 * second + 953},
      {0x80 | 63, 0, uint64_t{3} << 62, second + 500'000'000},
      {0x80 | 64, 0, uint64_t{1} << 63, 500'000'000},
      {6, 1'700'000'000, 1, 1'700'000'000 * second + 1'000},
      {6, -10, 17'000'000, 7 * second},
      {0, 0, 9'223'372'036, 9'223'372'036 * second},
  };
  for (const auto& each : cases) {
    const pcapng ng;
    const reading found =
        read(ng.section() +
             ng.interface({.options = ng.offset(each.offset) + ng.resolution(each.resolution)}) +
             ng.enhanced(0, each.units, frame_a));
    ASSERT_EQ(found.packets.size(), 1u) << found.error;
    EXPECT_TRUE(found.packets[0].timed);
    EXPECT_EQ(found.packets[0].when_ns, each.when_ns) << static_cast<int>(each.resolution);
  }
}

TEST(pcapng, a_time_that_nobody_can_mean_is_no_time) {
  const pcapng ng;
  const bytes offsets[] = {ng.resolution(0), ng.resolution(0) + ng.offset(-100),
                           ng.resolution(0) + ng.offset(std::numeric_limits<int64_t>::max())};
  for (const bytes& options : offsets) {
    const uint64_t units = &options == &offsets[0] ? 9'223'372'037u : 5u;
    const reading found = read(ng.section() + ng.interface() + ng.interface({.options = options}) +
                               ng.enhanced(0, 1'000'000, frame_a) + ng.enhanced(1, units, frame_a));
    ASSERT_EQ(found.packets.size(), 2u) << found.error;
    EXPECT_FALSE(found.packets[1].timed);
    EXPECT_EQ(found.packets[1].when_ns, second) << "that of the packet in front";
    ASSERT_EQ(found.warnings.size(), 1u);
    EXPECT_THAT(found.warnings[0], HasSubstr("outside the years 1970 to 2262"));
  }
  for (const uint8_t beyond_64_bits : {30, 127, 0xff}) {
    const reading found =
        read(ng.section() + ng.interface({.options = ng.resolution(beyond_64_bits)}) +
             ng.enhanced(0, ~uint64_t{0}, frame_a));
    ASSERT_EQ(found.packets.size(), 1u) << found.error;
    EXPECT_FALSE(found.packets[0].timed);
  }
}

TEST(pcapng, a_stamp_of_zero_is_no_time) {
  const pcapng ng;
  const reading found = read(ng.section() + ng.interface() + ng.enhanced(0, 0, frame_a) +
                             ng.enhanced(0, 1, frame_a) + ng.enhanced(0, 0, frame_a));
  ASSERT_EQ(found.packets.size(), 3u);
  EXPECT_FALSE(found.packets[0].timed);
  EXPECT_TRUE(found.packets[1].timed);
  EXPECT_FALSE(found.packets[2].timed);
  EXPECT_THAT(found.times(), ElementsAre(0, 1000, 1000));
}

TEST(pcapng, simple_packets_have_no_time_and_are_cut_by_the_first_interface) {
  const pcapng ng;
  const reading found =
      read(ng.section() + ng.interface({.snap_length = 40}) + ng.interface({.link_type = 113}) +
           ng.simple(frame_a, 61) + ng.simple(frame_b, 1500));
  ASSERT_EQ(found.packets.size(), 2u) << found.error;
  EXPECT_EQ(found.packets[0].captured, bytes(40, 0xaa));
  EXPECT_EQ(found.packets[0].length, 61u);
  EXPECT_EQ(found.packets[1].captured, frame_b);
  EXPECT_EQ(found.packets[1].length, 1500u);
  EXPECT_EQ(found.packets[1].link, link_layer::ethernet);
  EXPECT_FALSE(found.packets[0].timed);
  const reading unlimited = read(ng.section() + ng.interface() + ng.simple(frame_a, 61));
  EXPECT_EQ(unlimited.packets.at(0).captured, frame_a);
}

TEST(pcapng, obsolete_packets_are_read_as_others) {
  for (const bool big_endian : {false, true}) {
    const pcapng ng(big_endian);
    const reading found = read(ng.section() + ng.interface() + ng.interface({.link_type = 101}) +
                               ng.obsolete(1, 5'000'000, frame_a));
    ASSERT_EQ(found.packets.size(), 1u) << found.error;
    EXPECT_EQ(found.packets[0].captured, frame_a);
    EXPECT_EQ(found.packets[0].link, link_layer::raw_ip);
    EXPECT_EQ(found.packets[0].when_ns, 5 * second);
  }
}

TEST(pcapng, blocks_without_packets_are_passed_over_and_unknown_ones_are_counted) {
  const pcapng ng;
  const bytes body(24, 0x55);
  const reading found =
      read(ng.section() + ng.block(0x12345678, body) + ng.block(4, body) + ng.interface() +
           ng.block(5, body) + ng.block(9, body) + ng.block(10, body) + ng.block(0x80000001, body) +
           ng.block(0xbad, body) + ng.block(0x40000bad, {}) + ng.enhanced(0, 1, frame_a) +
           ng.block(7, body));
  EXPECT_EQ(found.error, "");
  EXPECT_EQ(found.packets.size(), 1u);
  EXPECT_EQ(found.skipped, 4u);
}

TEST(pcapng, options_are_passed_over_wherever_they_stand) {
  const pcapng ng;
  const bytes comment = ng.option(1, bytes(7, 'c'));
  const bytes end = ng.option(0, {});
  const reading found =
      read(ng.section() + ng.interface({.options = comment + ng.resolution(9) + end}) +
           ng.enhanced(0, second, frame_a, comment + end));
  EXPECT_EQ(found.error, "");
  ASSERT_EQ(found.packets.size(), 1u);
  EXPECT_EQ(found.packets[0].captured, frame_a);
  EXPECT_EQ(found.packets[0].when_ns, second);
}

TEST(pcapng, an_unknown_link_type_of_one_interface_does_not_hide_the_others) {
  const pcapng ng;
  const reading found = read(ng.section() + ng.interface({.link_type = 9999}) + ng.interface() +
                             ng.enhanced(0, 1, frame_a) + ng.enhanced(1, 2, frame_a));
  EXPECT_EQ(found.error, "");
  ASSERT_EQ(found.packets.size(), 2u);
  EXPECT_EQ(found.packets[0].link, link_layer::unknown);
  EXPECT_EQ(found.packets[1].link, link_layer::ethernet);
  EXPECT_EQ(found.link_name, "link type 9999, EN10MB");
}

TEST(pcapng, a_capture_of_unknown_link_types_only_cannot_be_decoded) {
  const pcapng ng;
  const reading found =
      read(ng.section() + ng.interface({.link_type = 9999}) + ng.interface({.link_type = 143}) +
           ng.enhanced(0, 1, frame_a) + ng.enhanced(1, 2, frame_a));
  EXPECT_EQ(found.code, ENOTSUP);
  EXPECT_EQ(found.error, "file: frames of link type 9999, DOCSIS cannot be decoded");
}

TEST(pcapng, link_types_without_end_are_not_all_named) {
  const pcapng ng;
  bytes file = ng.section();
  for (uint16_t i = 0; i < 1000; ++i)
    file = file + ng.interface({.link_type = i}) + ng.enhanced(i, 1, {});
  const reading found = read(file);
  EXPECT_EQ(found.packets.size(), 1000u);
  EXPECT_LT(found.link_name.size(), 250u);
  EXPECT_THAT(found.link_name, testing::StartsWith("NULL, EN10MB, "));
}

TEST(pcapng, a_capture_without_packets_is_a_capture) {
  const pcapng ng;
  EXPECT_EQ(read(ng.section()).error, "");
  const reading found = read(ng.section() + ng.interface() + ng.interface());
  EXPECT_EQ(found.error, "");
  EXPECT_EQ(found.link_name, "EN10MB");
}

TEST(pcapng, a_packet_that_is_longer_than_it_was_is_remarked) {
  const pcapng ng;
  bytes block = ng.enhanced(0, 1, frame_a);
  block[24] = 10;  // original length
  const reading found = read(ng.section() + ng.interface() + block);
  ASSERT_EQ(found.packets.size(), 1u);
  EXPECT_EQ(found.packets[0].length, 61u);
  ASSERT_EQ(found.warnings.size(), 1u);
  EXPECT_EQ(found.warnings[0], "file: packet 1, at byte 48: more bytes were captured than it had");
}

TEST(pcapng, says_what_is_damaged_and_keeps_what_was_read) {
  const pcapng ng;
  const bytes good = ng.section() + ng.interface() + ng.enhanced(0, 1, frame_a);
  const auto with = [&](size_t at, uint8_t value) {
    bytes next = ng.enhanced(0, 2, frame_a);
    next[at] = value;
    return good + next;
  };
  const size_t next_size = ng.enhanced(0, 2, frame_a).size();
  const struct {
    bytes file;
    const char* text;
  } cases[] = {
      {with(4, 0), "a block cannot have a length of 0"},
      {with(4, 8), "a block cannot have a length of 8"},
      {with(4, 97), "a block cannot have a length of 97"},
      {with(7, 0x7f), "a block cannot have a length of "},
      {with(4, 200), "the capture ends within a block"},
      {with(next_size - 4, 4), "the two lengths of a block differ"},
      {with(8, 1), "interface 1 was not described"},
      {with(20, 65), "more bytes were captured than its block holds"},
      {with(23, 0xff), "more bytes were captured than its block holds"},
      {good + ng.block(6, bytes(16, 0)), "a packet block is too short"},
      {good + ng.block(2, bytes(16, 0)), "a packet block is too short"},
      {good + ng.block(3, {}), "a packet block is too short"},
      {good + ng.block(1, bytes(4, 0)), "an interface description is too short"},
      {good + ng.interface({.options = ng.u16(9) + ng.u16(400)}),
       "an option of an interface is longer than its block"},
      {good + ng.section(2), "pcapng version 2 is not known"},
      {good + ng.block(0x0a0d0d0a, bytes(16, 0)), "the byte order of a section is not known"},
      {good + ng.block(0x0a0d0d0a, ng.u32(0x1a2b3c4d)), "a section header is too short"},
      {good + bytes{6, 0, 0}, "the capture ends within a block"},
      {good + bytes{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0}, "the capture ends within a block"},
  };
  for (const auto& each : cases) {
    const reading found = read(each.file);
    EXPECT_EQ(found.packets.size(), 1u) << each.text;
    EXPECT_EQ(found.code, EIO);
    EXPECT_THAT(found.error, HasSubstr("file: packet 2, at byte 144: "));
    EXPECT_THAT(found.error, HasSubstr(each.text));
  }
}

TEST(pcapng, what_begins_as_no_section_is_no_capture) {
  const pcapng ng;
  for (const bytes& file : {bytes{}, bytes{1, 2, 3}, ng.interface(), ng.section(7),
                            bytes{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 1, 2, 3, 4}}) {
    const reading found = read(file);
    EXPECT_EQ(found.code, EINVAL);
    EXPECT_THAT(found.error, HasSubstr("file: "));
  }
}

TEST(pcapng, a_cut_anywhere_is_told_and_costs_only_what_is_behind_it) {
  const pcapng ng(true);
  const bytes whole = ng.section() + ng.interface() + ng.enhanced(0, 1, frame_a) +
                      ng.simple(frame_b, 40) + ng.obsolete(0, 3, frame_a);
  const size_t all = read(whole).packets.size();
  ASSERT_EQ(all, 3u);
  size_t most = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    const reading found = read(bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
    EXPECT_LT(found.packets.size(), all);
    EXPECT_GE(found.packets.size(), most);
    most = found.packets.size();
  }
}

TEST(pcapng, how_the_bytes_come_makes_no_difference) {
  const pcapng little(false);
  const pcapng big(true);
  const bytes large(200'000, 0xcc);
  bytes file = little.section() + little.interface() + little.enhanced(0, 1, large);
  for (uint8_t i = 0; i < 100; ++i)
    file = file + little.enhanced(0, i, bytes(i, i));
  file = file + big.section() + big.interface() + big.enhanced(0, 1, large) +
         big.enhanced(0, 2, frame_a);
  const reading expected = read(file);
  ASSERT_EQ(expected.packets.size(), 103u) << expected.error;
  for (const size_t chunk : {1u, 7u, 4096u, 131072u}) {
    const reading found = read_in_chunks(file, chunk);
    EXPECT_EQ(found.error, "");
    ASSERT_EQ(found.packets.size(), expected.packets.size());
    for (size_t i = 0; i < found.packets.size(); ++i) {
      EXPECT_EQ(found.packets[i].captured, expected.packets[i].captured) << i;
      EXPECT_EQ(found.packets[i].when_ns, expected.packets[i].when_ns) << i;
    }
  }
}

}  // namespace
}  // namespace khelp::tcp
