#include "app/report/csv_report.hpp"

#include <fmt/format.h>

#include "app/cli/units.hpp"
#include "app/report/numbered_text.hpp"

namespace khelp::app {
namespace {

std::string value_text(std::uint32_t kind, std::optional<std::int64_t> value) {
  if (!value)
    return "";
  if (kind == KHELP_FIELD_DURATION)
    return fixed_decimal(*value, 3);
  if (kind == KHELP_FIELD_NUMBER)
    return std::to_string(*value);
  return std::to_string(static_cast<std::uint64_t>(*value));
}

std::string helper_columns(const helper_schema& schema, const std::optional<helper_data>& data) {
  if (schema.raw)
    return data ? "," + data->raw : ",";
  std::string columns;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    columns += ',';
    if (data)
      columns += value_text(schema.fields[i].kind, data->values[i]);
  }
  return columns;
}

}  // namespace

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos)
    return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"')
      quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string csv_header(const std::vector<helper_schema>& schemas) {
  std::string line = "connection,instance,opened,src,dst,segments,bytes,retransmitted,copies";
  for (const helper_schema& schema : schemas) {
    if (schema.raw)
      line += "," + csv_field(schema.name + ".raw");
    for (const field_spec& field : schema.fields)
      line += "," + csv_field(schema.name + "." + field.name);
  }
  return line + "\n";
}

std::string csv_rows(const connection_report& connection,
                     const std::vector<helper_schema>& schemas) {
  std::string rows;
  for (const direction_report& direction : connection.directions) {
    rows +=
        fmt::format("{},{},{},{},{},{},{},{},{}", number_goes_here, connection.instance,
                    connection.opened, csv_field(direction.src), csv_field(direction.dst),
                    direction.segments, direction.bytes, direction.retransmitted, direction.copies);
    for (std::size_t i = 0; i < schemas.size(); ++i)
      rows += helper_columns(schemas[i], direction.helpers[i]);
    rows += '\n';
  }
  return rows;
}

}  // namespace khelp::app
