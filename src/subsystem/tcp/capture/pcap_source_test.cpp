#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "subsystem/tcp/capture/capture_file.hpp"
#include "subsystem/tcp/capture/frame_builder.hpp"

namespace khelp::tcp {
namespace {

using build::bytes;
using build::operator+;
using testing::HasSubstr;

bytes in_order(uint32_t value, bool big_endian) {
  bytes out;
  build::put32(out, big_endian ? value : __builtin_bswap32(value));
  return out;
}

struct pcap_format {
  uint32_t magic = 0xa1b2c3d4;
  bool big_endian = false;
  uint32_t link_type = 1;
};

bytes file_header(const pcap_format& format) {
  const auto word = [&](uint32_t value) { return in_order(value, format.big_endian); };
  const bytes version = format.big_endian ? bytes{0, 2, 0, 4} : bytes{2, 0, 4, 0};
  return word(format.magic) + version + word(0) + word(0) + word(65535) + word(format.link_type);
}

bytes record(const pcap_format& format, uint32_t seconds, uint32_t fraction, const bytes& frame) {
  const auto word = [&](uint32_t value) { return in_order(value, format.big_endian); };
  const auto size = static_cast<uint32_t>(frame.size());
  return word(seconds) + word(fraction) + word(size) + word(size) + frame;
}

class pcap_files : public testing::Test {
 protected:
  std::string write(const bytes& content) {
    const std::string name = testing::TempDir() + "khelp_pcap_source_test_" +
                             std::to_string(getpid()) + "_" + std::to_string(files_.size());
    std::ofstream(name, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
    files_.push_back(name);
    return name;
  }
  ~pcap_files() override {
    for (const auto& name : files_)
      std::filesystem::remove(name);
  }

 private:
  std::vector<std::string> files_;
};

TEST_F(pcap_files, reads_both_byte_orders_and_both_resolutions) {
  const bytes frame = build::ethernet(0x0800, build::ipv4(build::tcp({})));
  for (const bool big_endian : {false, true}) {
    for (const auto& [magic, fraction] :
         {std::pair{0xa1b2c3d4u, 123456u}, std::pair{0xa1b23c4du, 123456789u}}) {
      const pcap_format format{magic, big_endian};
      auto source =
          open_capture(write(file_header(format) + record(format, 1700000000, fraction, frame)));
      ASSERT_TRUE(source) << source.error().detail;
      struct frame packet;
      ASSERT_TRUE(*(*source)->next(packet));
      EXPECT_EQ(packet.when_ns,
                1700000000'000000000 + (magic == 0xa1b2c3d4u ? 123456000 : 123456789));
      EXPECT_EQ(bytes(packet.captured.begin(), packet.captured.end()), frame);
      EXPECT_EQ(packet.length, frame.size());
      EXPECT_FALSE(*(*source)->next(packet));
      EXPECT_EQ((*source)->link_name(), "EN10MB");
      EXPECT_TRUE((*source)->warnings().empty());
    }
  }
}

TEST_F(pcap_files, knows_the_link_types_that_can_be_decoded) {
  const std::pair<uint32_t, link_layer> known[] = {{0, link_layer::null},
                                                   {1, link_layer::ethernet},
                                                   {9, link_layer::ppp},
                                                   {10, link_layer::fddi},
                                                   {12, link_layer::raw_ip},
                                                   {50, link_layer::ppp},
                                                   {51, link_layer::pppoe},
                                                   {101, link_layer::raw_ip},
                                                   {104, link_layer::cisco_hdlc},
                                                   {105, link_layer::ieee80211},
                                                   {108, link_layer::null},
                                                   {113, link_layer::linux_cooked},
                                                   {117, link_layer::packet_filter_log},
                                                   {127, link_layer::radiotap},
                                                   {192, link_layer::ppi},
                                                   {204, link_layer::ppp_with_side},
                                                   {228, link_layer::raw_ip},
                                                   {229, link_layer::raw_ip},
                                                   {239, link_layer::netfilter_log},
                                                   {258, link_layer::pktap},
                                                   {276, link_layer::linux_cooked2}};
  for (const auto& [number, link] : known) {
    const pcap_format format{.link_type = number};
    auto source = open_capture(write(file_header(format) + record(format, 1, 0, bytes(60, 0))));
    ASSERT_TRUE(source) << source.error().detail;
    struct frame packet;
    ASSERT_TRUE(*(*source)->next(packet));
    EXPECT_EQ(packet.link, link) << number;
  }
}

TEST_F(pcap_files, refuses_other_link_types_by_name) {
  const std::string docsis = write(file_header({.link_type = 143}));
  auto source = open_capture(docsis);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ENOTSUP);
  EXPECT_EQ(source.error().detail, docsis + ": frames of DOCSIS cannot be decoded");
  EXPECT_THAT(open_capture(write(file_header({.link_type = 9999}))).error().detail,
              HasSubstr("frames of link type 9999"));
}

TEST_F(pcap_files, says_why_a_file_cannot_be_opened) {
  const auto missing = open_capture("/nonexistent/x.pcap");
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().detail, HasSubstr("/nonexistent/x.pcap"));
  for (const bytes& content : {bytes{}, bytes{1, 2, 3}, bytes(100, 'x')}) {
    const std::string name = write(content);
    const auto refused = open_capture(name);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EINVAL);
    EXPECT_THAT(refused.error().detail, HasSubstr(name + ": "));
  }
}

TEST_F(pcap_files, delivers_what_lies_before_a_cut_and_says_where_it_is) {
  const pcap_format format;
  const bytes whole = record(format, 1, 0, bytes(60, 0));
  const std::string name =
      write(file_header(format) + whole + bytes(whole.begin(), whole.end() - 10));
  auto source = open_capture(name);
  struct frame packet;
  ASSERT_TRUE(*(*source)->next(packet));
  const auto cut = (*source)->next(packet);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, EIO);
  EXPECT_THAT(cut.error().detail, HasSubstr(name + ": packet 2, at byte 166: "));
}

TEST_F(pcap_files, a_fraction_of_a_second_or_more_does_not_move_a_packet_out_of_its_second) {
  const pcap_format format;
  const bytes frame(60, 0);
  const std::string name =
      write(file_header(format) + record(format, 10, 8915240, frame) +
            record(format, 10, 500000, frame) + record(format, 10, 1000000, frame) +
            record(format, 11, 0xffffffff, frame) + record(format, 11, 999999, frame));
  auto source = open_capture(name);
  const int64_t expected[] = {10'000000000, 10'500000000, 10'500000000, 11'000000000, 11'999999000};
  for (const int64_t when_ns : expected) {
    struct frame packet;
    ASSERT_TRUE(*(*source)->next(packet));
    EXPECT_EQ(packet.when_ns, when_ns);
  }
  ASSERT_EQ((*source)->warnings().size(), 3u);
  EXPECT_EQ((*source)->warnings()[0],
            name + ": packet 1, at byte 100: the fraction of its time stamp is not below a second");
}

TEST_F(pcap_files, a_dash_is_standard_input) {
  const pcap_format format;
  const std::string name = write(file_header(format) + record(format, 1, 0, bytes(60, 0)));
  ASSERT_NE(std::freopen(name.c_str(), "rb", stdin), nullptr);
  auto source = open_capture("-");
  ASSERT_TRUE(source) << source.error().detail;
  struct frame packet;
  EXPECT_TRUE(*(*source)->next(packet));
  EXPECT_FALSE(*(*source)->next(packet));
  EXPECT_EQ((*source)->name(), "-");
}

TEST_F(pcap_files, seconds_count_on_after_2038) {
  const pcap_format format;
  auto source =
      open_capture(write(file_header(format) + record(format, 4000000000u, 0, bytes(60, 0))));
  struct frame packet;
  ASSERT_TRUE(*(*source)->next(packet));
  EXPECT_EQ(packet.when_ns, 4000000000 * int64_t{1000000000});
}

TEST_F(pcap_files, keeps_the_wire_length_of_a_snapped_packet_and_remarks_an_impossible_one) {
  const pcap_format format;
  bytes snapped = record(format, 1, 0, bytes(60, 0));
  snapped[12] = 100;  // original length
  bytes impossible = record(format, 1, 0, bytes(60, 0));
  impossible[12] = 10;
  auto source = open_capture(write(file_header(format) + snapped + impossible));
  struct frame packet;
  ASSERT_TRUE(*(*source)->next(packet));
  EXPECT_EQ(packet.captured.size(), 60u);
  EXPECT_EQ(packet.length, 100u);
  EXPECT_TRUE((*source)->warnings().empty());
  ASSERT_TRUE(*(*source)->next(packet));
  EXPECT_EQ(packet.length, 60u) << "never below what was captured";
  EXPECT_THAT((*source)->warnings().front(), HasSubstr("packet 2"));
}

}  // namespace
}  // namespace khelp::tcp
