#include "app/khelp/json_report.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "app/khelp/json_writer.hpp"
#include "app/khelp/memory_report.hpp"

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

void write_value(json_writer& json, std::uint32_t kind, std::optional<std::int64_t> value) {
  if (!value)
    json.null();
  else if (kind == KHELP_FIELD_DURATION)
    json.decimal(*value, 3);
  else if (kind == KHELP_FIELD_NUMBER)
    json.signed_number(*value);
  else
    json.number(static_cast<std::uint64_t>(*value));
}

/// Fields in key order; "a.b" becomes a member of object a.
void write_fields(json_writer& json, const std::vector<field_spec>& fields,
                  const std::vector<std::optional<std::int64_t>>& values) {
  std::vector<std::size_t> sorted(fields.size());
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
    return parts_of(fields[a].name) < parts_of(fields[b].name);
  });
  name_parts open;  // the groups that the last field was in
  for (std::size_t at : sorted) {
    name_parts groups = parts_of(fields[at].name);
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
    write_value(json, fields[at].kind, values[at]);
    open = std::move(groups);
  }
  for (std::size_t left = open.size(); left > 0; --left)
    json.end_object();
}

void write_helper(json_writer& json, const helper_schema& schema,
                  const std::optional<helper_data>& data) {
  json.key(schema.name);
  if (!data) {
    json.null();
    return;
  }
  json.begin_object();
  if (schema.raw) {
    json.key("raw");
    json.text(data->raw);
  } else {
    write_fields(json, schema.fields, data->values);
  }
  json.end_object();
}

void write_direction(json_writer& json, const direction_report& direction,
                     const std::vector<helper_schema>& schemas) {
  std::vector<std::size_t> sorted(schemas.size());
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::sort(sorted.begin(), sorted.end(),
            [&](std::size_t a, std::size_t b) { return schemas[a].name < schemas[b].name; });
  json.begin_object();
  json.key("bytes");
  json.number(direction.bytes);
  json.key("dst");
  json.text(direction.dst);
  json.key("helpers");
  json.begin_object();
  for (std::size_t at : sorted)
    write_helper(json, schemas[at], direction.helpers[at]);
  json.end_object();
  json.key("retransmitted");
  json.number(direction.retransmitted);
  json.key("segments");
  json.number(direction.segments);
  json.key("src");
  json.text(direction.src);
  json.end_object();
}

void write_time(json_writer& json, std::optional<std::int64_t> ns) {
  if (ns)
    json.decimal(*ns, 9);
  else
    json.null();
}

std::string capture_text(const capture_report& capture) {
  std::string text;
  json_writer json(text);
  json.begin_object();
  json.key("error");
  if (capture.error.empty())
    json.null();
  else
    json.text(capture.error);
  json.key("file");
  json.text(capture.file);
  json.key("first");
  write_time(json, capture.first_ns);
  json.key("last");
  write_time(json, capture.last_ns);
  json.key("link_type");
  if (capture.link_type.empty())
    json.null();
  else
    json.text(capture.link_type);
  json.key("malformed");
  json.number(capture.malformed);
  json.key("packets");
  json.number(capture.packets);
  json.key("tcp_segments");
  json.number(capture.tcp_segments);
  json.end_object();
  return text;
}

std::string helper_text(const helper_totals& helper) {
  std::string text;
  json_writer json(text);
  json.begin_object();
  json.key("attached");
  json.number(helper.attached);
  json.key("calls");
  json.number(helper.calls);
  json.key("name");
  json.text(helper.name);
  json.key("skipped");
  json.begin_object();
  std::map<std::string_view, std::uint64_t> skipped;
  for (int reason = 0; reason < KHELP_SKIP_REASONS; ++reason)
    skipped[khelp_skip_name(reason)] = helper.skipped[static_cast<std::size_t>(reason)];
  for (const auto& [reason, times] : skipped) {
    json.key(reason);
    json.number(times);
  }
  json.end_object();
  json.key("version");
  json.number(helper.version);
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

std::string json_connection(const connection_report& connection,
                            const std::vector<helper_schema>& schemas) {
  std::string text;
  json_writer json(text);
  json.begin_object();
  json.key("connection");
  json.number(connection.number);
  json.key("directions");
  json.begin_array();
  for (const direction_report& direction : connection.directions)
    write_direction(json, direction, schemas);
  json.end_array();
  json.key("instance");
  json.number(connection.instance);
  json.key("opened");
  json.boolean(connection.opened);
  json.end_object();
  return text;
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
