#include "app/cli/json_writer.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/cli/units.hpp"

namespace khelp::app {
namespace {

/// Most text needs no escape.
bool is_plain(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void append_quoted(std::string& out, std::string_view value) {
  using nlohmann::json;
  if (!is_plain(value)) {
    out += json(value).dump(-1, ' ', false, json::error_handler_t::replace);
    return;
  }
  out += '"';
  out += value;
  out += '"';
}

}  // namespace

void json_writer::key(std::string_view name) {
  separate();
  append_quoted(out_, name);
  out_ += ": ";
  first_ = true;
}

void json_writer::text(std::string_view value) {
  literal({});
  append_quoted(out_, value);
}

void json_writer::number(std::uint64_t value) {
  const fmt::format_int written(value);
  literal({written.data(), written.size()});
}

void json_writer::signed_number(std::int64_t value) {
  const fmt::format_int written(value);
  literal({written.data(), written.size()});
}

void json_writer::decimal(std::int64_t value, int digits) {
  literal({});
  append_fixed_decimal(out_, value, digits);
}

void json_writer::text_or_null(std::string_view name, std::string_view value) {
  key(name);
  if (value.empty())
    null();
  else
    text(value);
}

void json_writer::texts(std::string_view name, const std::vector<std::string>& values) {
  key(name);
  begin_array();
  for (const std::string& value : values)
    text(value);
  end_array();
}

void json_writer::open(char bracket) {
  separate();
  out_ += bracket;
  first_ = true;
}

void json_writer::close(char bracket) {
  out_ += bracket;
  first_ = false;
}

void json_writer::literal(std::string_view value) {
  separate();
  out_ += value;
  first_ = false;
}

void json_writer::separate() {
  if (!first_)
    out_ += ", ";
}

}  // namespace khelp::app
