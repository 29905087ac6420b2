// The fields of event types: what a compiler says of them, and what people are told when a module saw
// others.
#include <cerrno>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <khelp/error.h>
#include <khelp/khelp.hpp>

#include "every_kind.h"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <std::size_t N>
struct table {
  khelp_modinfo_fields head;
  khelp_event_field fields[N];
};

std::string as_text(const khelp_event_field& field) {
  static const char* const kinds[] = {"opaque", "int",  "uint",  "float",
                                      "bool",   "text", "bytes", "pointer"};
  return std::string(field.name) + " " + kinds[field.kind] + " " + std::to_string(field.offset) +
         "+" + std::to_string(field.size);
}

std::vector<std::string> fields_of(const char* name) {
  std::vector<std::string> all;
  const int error = khelp_event_fields(
      name,
      [](void* arg, const khelp_event_field* field) {
        static_cast<std::vector<std::string>*>(arg)->push_back(as_text(*field));
        return 0;
      },
      &all);
  EXPECT_EQ(error, 0) << khelp_failure_text();
  return all;
}

TEST(event_fields, c_and_cpp_say_the_same_of_every_kind) {
  const khelp_modinfo_fields* in_c = every_kind_in_c();
  const auto& in_cpp = khelp_modinfo_event_every_kind_fields;
  ASSERT_EQ(in_c->header.size, sizeof in_cpp);
  EXPECT_EQ(std::memcmp(in_c, &in_cpp, sizeof in_cpp), 0);
}

TEST(event_fields, a_field_has_its_place_its_size_and_what_the_compiler_knows) {
  ASSERT_EQ(KHELP_EVENT_DECLARE(every_kind), 0) << khelp_failure_text();
  EXPECT_THAT(fields_of("every_kind"),
              ElementsAre("letter int 0+1", "number int 2+2", "count uint 8+8", "share float 16+4",
                          "mean float 24+8", "yes bool 32+1", "name text 33+24",
                          "address bytes 57+16", "two_words opaque 76+8", "text pointer 88+8",
                          "call pointer 96+8", "both opaque 104+8", "both.second int 108+4",
                          "hue uint 112+4", "limit int 116+4"));
}

TEST(event_fields, asking_ends_when_the_caller_says_so) {
  ASSERT_EQ(KHELP_EVENT_DECLARE(every_kind), 0);
  int asked = 0;
  EXPECT_EQ(khelp_event_fields(
                "every_kind",
                [](void* arg, const khelp_event_field*) {
                  return ++*static_cast<int*>(arg) == 2 ? 7 : 0;
                },
                &asked),
            7);
  EXPECT_EQ(asked, 2);
  const auto nothing = [](void*, const khelp_event_field*) { return 0; };
  EXPECT_EQ(khelp_event_fields("nobody's", nothing, nullptr), ENOENT);
  ASSERT_EQ(khelp_event_declare("of a fingerprint", 5), 0);
  EXPECT_EQ(khelp_event_fields("of a fingerprint", nothing, nullptr), ENOENT);
}

TEST(event_fields, a_fingerprint_that_was_declared_first_gets_its_fields_later) {
  ASSERT_EQ(khelp_event_declare("late", KHELP_FINGERPRINT(pair, first, second)), 0);
  const table<2> record = KHELP_EVENT_FIELDS("late", pair, first, second);
  ASSERT_EQ(khelp_event_declare_fields(&record.head), 0) << khelp_failure_text();
  EXPECT_THAT(fields_of("late"), ElementsAre("first int 0+4", "second int 4+4"));
}

TEST(event_fields, a_record_whose_sizes_do_not_fit_is_refused) {
  table<2> record = KHELP_EVENT_FIELDS("crooked", pair, first, second);
  record.head.count = 3;
  EXPECT_EQ(khelp_event_declare_fields(&record.head), EINVAL);
  record.head.count = 2;
  record.head.field_size = 8;
  EXPECT_EQ(khelp_event_declare_fields(&record.head), EINVAL);
}

// ---- what differs, in words

struct request {
  long number;
  int status;
  char path[16];
};
namespace other {
struct request_moved {
  int status;
  long number;
  char path[16];
};
struct request_grown {
  long number;
  int status;
  char path[16];
  long more;
};
struct request_resized {
  long number;
  long status;
  char path[16];
};
struct request_retyped {
  double number;
  int status;
  char path[16];
};
struct request_shorter {
  long number;
  char path[24];
};
}  // namespace other

template <std::size_t N>
std::string refusal(const table<N>& record) {
  const table<3> ours = KHELP_EVENT_FIELDS("request", request, number, status, path);
  EXPECT_EQ(khelp_event_declare_fields(&ours.head), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_event_declare_fields(&record.head), EEXIST);
  return khelp_failure_text();
}

#define REFUSAL(Type, N, ...) refusal(table<N>(KHELP_EVENT_FIELDS("request", Type, __VA_ARGS__)))

TEST(event_fields, a_field_that_was_moved_is_named_with_both_places) {
  EXPECT_EQ(
      REFUSAL(other::request_moved, 3, number, status, path),
      "event 'request': declared with another layout: field 'number' is at offset 8 there and "
      "0 here; field 'status' is at offset 0 there and 8 here; field 'path' is at offset 16 "
      "there and 12 here");
}

TEST(event_fields, a_field_that_was_added_is_named_and_both_sizes_are_said) {
  EXPECT_EQ(
      REFUSAL(other::request_grown, 4, number, status, path, more),
      "event 'request': declared with another layout: field 'more' is not here; the struct has "
      "40 bytes there and 32 here");
}

TEST(event_fields, a_field_that_was_resized_is_named_with_both_sizes) {
  EXPECT_THAT(REFUSAL(other::request_resized, 3, number, status, path),
              HasSubstr("field 'status' has 8 bytes there and 4 here; field 'path' is at offset 16 "
                        "there and 12 here"));
}

TEST(event_fields, a_field_that_is_missing_is_named) {
  EXPECT_THAT(REFUSAL(other::request_shorter, 2, number, path),
              HasSubstr("field 'status' is not there"));
}

TEST(event_fields, other_fields_of_the_same_struct_are_said_to_be_no_more_than_that) {
  EXPECT_EQ(
      REFUSAL(request, 3, status, number, path),
      "event 'request': declared with another layout: the same fields are declared in another "
      "order");
}

TEST(event_fields, a_type_that_changes_no_place_and_no_size_makes_no_other_layout) {
  const table<3> as_double =
      KHELP_EVENT_FIELDS("retyped", other::request_retyped, number, status, path);
  const table<3> as_long = KHELP_EVENT_FIELDS("retyped", request, number, status, path);
  ASSERT_EQ(khelp_event_declare_fields(&as_long.head), 0);
  EXPECT_EQ(as_double.head.fingerprint, as_long.head.fingerprint)
      << "places and sizes make the fingerprint; kinds are for people";
  EXPECT_EQ(khelp_event_declare_fields(&as_double.head), 0);
}

TEST(event_fields, of_many_that_differ_the_first_are_named_and_the_others_counted) {
  table<7> ours{};
  table<7> theirs{};
  for (auto* t : {&ours, &theirs}) {
    t->head = khelp_modinfo_fields{KHELP_MODINFO_HEADER(KHELP_MODINFO_FIELDS, table<7>),
                                   "many",
                                   1,
                                   28,
                                   7,
                                   sizeof(khelp_event_field),
                                   0};
    for (unsigned i = 0; i < 7; ++i) {
      t->fields[i].name[0] = static_cast<char>('a' + i);
      t->fields[i].size = 4;
      t->fields[i].offset = 4 * i;
    }
  }
  theirs.head.fingerprint = 2;
  for (khelp_event_field& field : theirs.fields)
    field.size = 2;
  ASSERT_EQ(khelp_event_declare_fields(&ours.head), 0);
  EXPECT_EQ(khelp_event_declare_fields(&theirs.head), EEXIST);
  EXPECT_THAT(khelp_failure_text(),
              HasSubstr("field 'd' has 2 bytes there and 4 here; 3 more differ"));
}

}  // namespace

KHELP_EVENT(pair, first, second);

TEST(event_fields, a_point_declares_its_events_fields) {
  khelp::hook_point<pair> point("event fields");
  ASSERT_TRUE(point.open());
  EXPECT_THAT(fields_of("pair"), ElementsAre("first int 0+4", "second int 4+4"));
  EXPECT_TRUE(point.close());
}
