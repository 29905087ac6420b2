#include "app/report/json_report.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "app/cli/json_writer.hpp"
#include "app/report/memory_report.hpp"
#include "app/report/numbered_text.hpp"

namespace khelp::app {
namespace {

constexpr std::uint64_t schema_number = 1;

using name_parts = std::vector<std::string_view>;

name_parts parts_of(std::string_view name) {
  name_parts parts;
  for (std::size_t dot; (dot = name.find('.')) != std::string_view::npos;) {
    parts.push_back(name.substr(0, dot));
    name.remove_prefix(dot + 1);
  }
  parts.push_back(name);
  return parts;
}

/// The indices of `names`, in the order of what stands there.
template <class Less>
std::vector<std::size_t> sorted_indices(std::size_t count, Less less) {
  std::vector<std::size_t> sorted(count);
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::sort(sorted.begin(), sorted.end(), less);
  return sorted;
}

void append_value(std::string& text, std::uint32_t kind, std::int64_t value) {
  json_writer json(text);
  if (kind == KHELP_FIELD_DURATION)
    json.decimal(value, 3);
  else if (kind == KHELP_FIELD_NUMBER)
    json.signed_number(value);
  else
    json.number(static_cast<std::uint64_t>(value));
}

void write_time(json_writer& json, std::optional<std::int64_t> ns) {
  if (ns)
    json.decimal(*ns, 9);
  else
    json.null();
}

void write_not_followed(json_writer& json, const reason_counts& counts) {
  json.begin_object();
  for (const reason_count& reason : counts) {
    json.number(reason.key, reason.frames);
  }
  json.end_object();
}

std::string capture_text(const capture_report& capture) {
  std::string text;
  json_writer json(text);
  json.begin_object();
  json.text_or_null("error", capture.error);
  json.text("file", capture.file);
  json.key("first");
  write_time(json, capture.first_ns);
  json.number("fragments", capture.fragments);
  json.key("last");
  write_time(json, capture.last_ns);
  json.text_or_null("link_type", capture.link_type);
  json.number("malformed", capture.malformed);
  json.key("not_followed");
  write_not_followed(json, capture.not_followed);
  json.number("packets", capture.packets);
  json.number("tcp_segments", capture.tcp_segments);
  json.number("without_time", capture.without_time);
  json.end_object();
  return text;
}

std::string helper_text(const snapshot::helper_info& helper) {
  std::string text;
  json_writer json(text);
  json.begin_object();
  json.number("attached", helper.attached_total);
  json.number("calls", helper.calls);
  json.text("name", helper.name);
  json.key("skipped");
  json.begin_object();
  std::map<std::string_view, std::uint64_t> skipped;
  for (int reason = 0; reason < KHELP_SKIP_REASONS; ++reason)
    skipped[khelp_skip_name(reason)] = helper.skipped[static_cast<std::size_t>(reason)];
  for (const auto& [reason, times] : skipped) {
    json.number(reason, times);
  }
  json.end_object();
  json.number("version", helper.version);
  json.end_object();
  return text;
}

std::string file_text(const std::string& file) {
  std::string text;
  json_writer(text).text(file);
  return text;
}

/// `"name": [` one element a line `]`.
template <class Element>
void write_list(output& out, std::string_view name, const std::vector<Element>& elements,
                std::string (*text)(const Element&)) {
  out.write("\"");
  out.write(name);
  out.write("\": [\n");
  for (const Element& element : elements) {
    if (&element != elements.data())
      out.write(",\n");
    out.write(text(element));
  }
  out.write("\n]");
}

}  // namespace

connection_json::connection_json(const std::vector<helper_schema>& schemas) {
  for (const std::size_t at : sorted_indices(schemas.size(), [&](std::size_t a, std::size_t b) {
         return schemas[a].name < schemas[b].name;
       }))
    helpers_.push_back(layout_of(schemas[at], at));
}

/// Fields in key order; "a.b" becomes a member of object a.
connection_json::helper_layout connection_json::layout_of(const helper_schema& schema,
                                                          std::size_t at) {
  helper_layout layout;
  layout.name = schema.name;
  layout.at = at;
  layout.raw = schema.raw;
  json_writer json(layout.nothing_known);
  json.begin_object();
  const auto& fields = schema.fields;
  name_parts open;  // the groups that the last field was in
  for (const std::size_t field : sorted_indices(fields.size(), [&](std::size_t a, std::size_t b) {
         return parts_of(fields[a].name) < parts_of(fields[b].name);
       })) {
    name_parts groups = parts_of(fields[field].name);
    const std::string_view member = groups.back();
    groups.pop_back();
    const auto common = static_cast<std::size_t>(
        std::mismatch(open.begin(), open.end(), groups.begin(), groups.end()).first - open.begin());
    for (std::size_t left = open.size(); left > common; --left)
      json.end_object();
    for (std::size_t entered = common; entered < groups.size(); ++entered) {
      json.key(groups[entered]);
      json.begin_object();
    }
    json.key(member);
    layout.values.push_back({layout.nothing_known.size(), field, fields[field].kind});
    json.null();
    open = std::move(groups);
  }
  for (std::size_t left = open.size() + 1; left > 0; --left)
    json.end_object();
  return layout;
}

void connection_json::append(std::string& text, const connection_report& connection) const {
  json_writer json(text);
  json.begin_object();
  json.key("connection");
  json.embed([](std::string& to) { to += number_goes_here; });
  json.key("directions");
  json.begin_array();
  for (const direction_report& direction : connection.directions)
    write_direction(json, direction);
  json.end_array();
  json.number("instance", connection.instance);
  json.boolean("opened", connection.opened);
  json.end_object();
}

void connection_json::write_direction(json_writer& json, const direction_report& direction) const {
  json.begin_object();
  json.number("bytes", direction.bytes);
  json.number("copies", direction.copies);
  json.text("dst", direction.dst);
  json.key("helpers");
  json.begin_object();
  for (const helper_layout& helper : helpers_)
    write_helper(json, helper, direction.helpers[helper.at]);
  json.end_object();
  json.number("retransmitted", direction.retransmitted);
  json.number("segments", direction.segments);
  json.text("src", direction.src);
  json.end_object();
}

void connection_json::write_helper(json_writer& json, const helper_layout& helper,
                                   const std::optional<helper_data>& data) {
  json.key(helper.name);
  if (!data) {
    json.null();
    return;
  }
  if (helper.raw) {
    json.begin_object();
    json.text("raw", data->raw);
    json.end_object();
    return;
  }
  constexpr std::size_t null_length = 4;
  const std::string_view known = helper.nothing_known;
  json.embed([&](std::string& text) {
    std::size_t done = 0;
    for (const value_place& place : helper.values) {
      const auto value = data->values[place.field];
      if (!value)
        continue;
      text += known.substr(done, place.at - done);
      append_value(text, place.kind, *value);
      done = place.at + null_length;
    }
    text += known.substr(done);
  });
}

result<void> write_json_document(const replay_summary& summary, output& connections, output& out) {
  // Nothing is printed before it is known that all connections are on disk.
  if (auto flushed = connections.flush(); !flushed)
    return flushed;
  out.write("{");
  write_list(out, "captures", summary.captures, &capture_text);
  out.write(",\n\"connections\": [\n");
  if (auto copied = connections.copy_to(out); !copied)
    return copied;
  out.write("\n],\n\"elapsed_s\": ");
  std::string elapsed;
  json_writer(elapsed).decimal(summary.elapsed_us, 6);
  out.write(elapsed);
  out.write(",\n");
  write_list(out, "helpers", summary.helpers, &helper_text);
  if (summary.instance_by == "vlan" || summary.instance_by == "file")
    out.write(",\n\"instance_by\": \"" + summary.instance_by + "\"");
  if (summary.memory) {
    std::string memory;
    json_writer json(memory);
    write_memory(json, *summary.memory);
    out.write(",\n\"memory\": " + memory);
  }
  if (!summary.not_begun.empty()) {
    out.write(",\n");
    write_list(out, "not_begun", summary.not_begun, &file_text);
  }
  out.write(",\n\"schema\": " + std::to_string(schema_number) + "}\n");
  return {};
}

}  // namespace khelp::app
