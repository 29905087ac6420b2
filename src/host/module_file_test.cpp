#include "host/module_file.hpp"

#include <cstring>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <string>

namespace khelp {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

using file_bytes = std::vector<std::byte>;

file_bytes read_test_module(const std::string& name) {
  std::ifstream in(std::string(KHELP_TEST_MODULES) + "/" + name + ".so", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

module_file judge(const file_bytes& bytes) {
  auto file = read_module_file(bytes);
  EXPECT_TRUE(file.has_value());
  return std::move(*file);
}

module_file judge(const std::string& name) {
  return judge(read_test_module(name));
}

/// Change the records of one kind and judge the result.
template <class Record>
module_file with_records(const std::string& name, std::uint16_t kind,
                         const std::function<void(Record&)>& change) {
  file_bytes bytes = read_test_module(name);
  const elf_section section = *find_section(judge(bytes).elf, KHELP_MODINFO_SECTION);
  for (std::size_t at = 0; at + sizeof(khelp_modinfo_header) <= section.size;) {
    khelp_modinfo_header header;
    std::byte* place = bytes.data() + section.offset + at;
    std::memcpy(&header, place, sizeof header);
    if (header.magic != KHELP_MODINFO_MAGIC) {
      at += 8;
      continue;
    }
    if (header.kind == kind) {
      Record record;
      std::memcpy(&record, place, sizeof record);
      change(record);
      std::memcpy(place, &record, sizeof record);
    }
    at += header.size;
  }
  return judge(bytes);
}

module_file with_module(const std::function<void(khelp_modinfo_module&)>& change) {
  return with_records<khelp_modinfo_module>("user", KHELP_MODINFO_MODULE, change);
}

TEST(module_file, a_native_helper_says_who_it_is) {
  const module_file file = judge("stateful");
  EXPECT_THAT(file.problems, IsEmpty());
  ASSERT_EQ(file.modules.size(), 1U);
  EXPECT_EQ(file.modules[0].name, "stateful");
  EXPECT_EQ(file.modules[0].version, 1U);
  EXPECT_EQ(file.modules[0].personality, static_cast<std::uint32_t>(KHELP_PERSONALITY_NATIVE));
  EXPECT_EQ(file.modules[0].data_size, sizeof(int));
  ASSERT_EQ(file.offers.size(), 1U);
  EXPECT_EQ(file.offers[0].name, "stateful");
}

TEST(module_file, dependencies_and_layouts_are_read) {
  const module_file file = judge("user");
  ASSERT_EQ(file.needs.size(), 1U);
  EXPECT_EQ(file.needs[0].module, "user");
  EXPECT_EQ(file.needs[0].name, "counter");
  EXPECT_EQ(file.needs[0].minimum, 1);
  EXPECT_EQ(file.needs[0].preferred, 2);
  EXPECT_EQ(file.needs[0].maximum, 3);
  ASSERT_EQ(file.events.size(), 1U);
  EXPECT_EQ(file.events[0].name, "loader_test::event");
  EXPECT_EQ(file.events[0].layout.size, 16U);
  EXPECT_NE(judge("other_layout").events[0].layout.fingerprint, file.events[0].layout.fingerprint);
}

TEST(module_file, the_fields_of_a_layout_are_read) {
  const module_file file = judge("counter");
  ASSERT_EQ(file.events.size(), 1u);
  const event_layout& layout = file.events[0].layout;
  EXPECT_EQ(layout.size, 16u);
  ASSERT_EQ(layout.fields.size(), 2u);
  EXPECT_STREQ(layout.fields[1].name, "inside");
  EXPECT_EQ(layout.fields[1].offset, 8u);
  EXPECT_EQ(layout.fields[1].kind, std::uint32_t{KHELP_KIND_POINTER});
}

TEST(module_file, a_file_without_fields_is_known_by_its_fingerprint) {
  // As an older header made it: the record is not there; and as an older library reads a newer file.
  const module_file file = with_records<khelp_modinfo_header>(
      "counter", KHELP_MODINFO_FIELDS, [](khelp_modinfo_header& r) { r.kind = 99; });
  EXPECT_TRUE(file.sound());
  ASSERT_EQ(file.events.size(), 1u);
  EXPECT_EQ(file.events[0].layout.fingerprint, judge("counter").events[0].layout.fingerprint);
  EXPECT_TRUE(file.events[0].layout.fields.empty());
}

TEST(module_file, fields_that_a_record_has_no_room_for_are_a_fault) {
  using record = khelp_modinfo_fields;
  const auto with = [](const std::function<void(record&)>& change) {
    return with_records<record>("counter", KHELP_MODINFO_FIELDS, change).problems;
  };
  const auto refused = Contains(HasSubstr("is too short for its fields"));
  EXPECT_THAT(with([](record& r) { r.count = 3; }), refused);
  EXPECT_THAT(with([](record& r) { r.count = UINT32_MAX; }), refused);
  EXPECT_THAT(with([](record& r) { r.field_size = UINT32_MAX - 7; }), refused);
  EXPECT_THAT(with([](record& r) { r.field_size = 0; }), refused);
  EXPECT_THAT(with([](record& r) { r.name[0] = '\0'; }), Contains(HasSubstr("no readable name")));
  struct with_first_field : record {
    khelp_event_field field;
  };
  EXPECT_THAT(with_records<with_first_field>("counter", KHELP_MODINFO_FIELDS,
                                             [](with_first_field& r) { r.field.name[1] = '\n'; })
                  .problems,
              Contains(HasSubstr("no readable name")));
  EXPECT_THAT(with([](record& r) { r.fingerprint++; }),
              Contains(HasSubstr("against different layouts of 'loader_test::event'")));
}

TEST(module_file, freebsd_modules_are_ordered_and_need_the_kernel_but_not_themselves) {
  const module_file file = judge("pair");
  EXPECT_THAT(file.problems, IsEmpty());
  ASSERT_EQ(file.modules.size(), 2U);
  EXPECT_EQ(file.modules[0].name, "first");
  EXPECT_EQ(file.modules[1].name, "second");
  EXPECT_EQ(file.modules[1].version, 7U) << "from MODULE_VERSION";
  ASSERT_EQ(file.needs.size(), 2U) << "each module the kernel; of the other one, nothing";
  EXPECT_EQ(file.needs[0].name, "kernel");
  EXPECT_EQ(file.needs[0].minimum, KHELP_KERNEL_VERSION);
  EXPECT_EQ(file.needs[0].maximum, 1499999) << "to the end of its branch";
}

TEST(module_file, a_file_without_records_is_no_helper) {
  std::ifstream in("/proc/self/exe", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_THAT(judge(file_bytes(bytes.begin(), bytes.end())).problems,
              Contains(HasSubstr("no section khelp_modinfo")));
}

TEST(module_file, damaged_records_are_refused_in_words) {
  const auto told = [](const std::function<void(khelp_modinfo_module&)>& change) {
    return with_module(change).problems;
  };
  EXPECT_THAT(told([](auto& r) { r.header.magic = 7; }), Contains(HasSubstr("does not begin")));
  EXPECT_THAT(told([](auto& r) { r.header.size = 0; }), Contains(HasSubstr("impossible size")));
  EXPECT_THAT(told([](auto& r) { r.header.size = 1 << 20; }),
              Contains(HasSubstr("impossible size")));
  EXPECT_THAT(told([](auto& r) { r.header.size = 16; }), Contains(HasSubstr("too short")));
  EXPECT_THAT(told([](auto& r) { r.header.abi = 9; }), Contains(HasSubstr("compile it again")));
  EXPECT_THAT(told([](auto& r) { std::memset(r.name, 'x', sizeof r.name); }),
              Contains(HasSubstr("no readable name")));
  EXPECT_THAT(told([](auto& r) { r.name[0] = '\0'; }), Contains(HasSubstr("no readable name")));
  EXPECT_THAT(told([](auto& r) { r.name[1] = '\n'; }), Contains(HasSubstr("no readable name")));
  EXPECT_THAT(told([](auto& r) { r.name[1] = '/'; }), Contains(HasSubstr("no readable name")))
      << "a dependency's name must not lead out of the module path";
  EXPECT_THAT(told([](auto& r) { std::strcpy(r.name, "longer_than_fifteen"); }),
              Contains(HasSubstr("too long")));
  EXPECT_THAT(told([](auto& r) { r.personality = 9; }), Contains(HasSubstr("unknown kind, 9")));
}

TEST(module_file, an_empty_range_of_versions_is_refused) {
  const module_file file = with_records<khelp_modinfo_depend>(
      "user", KHELP_MODINFO_DEPEND, [](auto& r) { std::swap(r.minimum, r.maximum); });
  EXPECT_THAT(file.problems, Contains(HasSubstr("empty range")));
}

TEST(module_file, records_of_an_unknown_kind_are_passed_over) {
  const module_file file = with_records<khelp_modinfo_depend>("user", KHELP_MODINFO_DEPEND,
                                                              [](auto& r) { r.header.kind = 77; });
  EXPECT_THAT(file.problems, IsEmpty());
  EXPECT_THAT(file.needs, IsEmpty());
}

TEST(module_file, a_file_without_a_module_declares_nothing) {
  EXPECT_THAT(with_module([](auto& r) { r.header.kind = 77; }).problems,
              Contains(HasSubstr("declares no module")));
}

TEST(module_file, any_damage_of_the_records_does_no_harm) {
  const file_bytes good = read_test_module("pair");
  const elf_section section = *find_section(judge(good).elf, KHELP_MODINFO_SECTION);
  std::mt19937 random(4);
  std::size_t refused = 0;
  for (int i = 0; i < 2000; i++) {
    file_bytes bytes = good;
    for (int n = 0; n < 3; n++)
      bytes[section.offset + random() % section.size] = static_cast<std::byte>(random());
    refused += !judge(bytes).sound();
  }
  EXPECT_GT(refused, 200U);
}

}  // namespace
}  // namespace khelp
