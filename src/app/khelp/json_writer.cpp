#include "app/khelp/json_writer.hpp"

#include <nlohmann/json.hpp>

#include "app/khelp/units.hpp"

namespace khelp::app {
namespace {

std::string quoted(std::string_view value) {
  using nlohmann::json;
  return json(value).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

void json_writer::key(std::string_view name) {
  separate();
  out_ += quoted(name);
  out_ += ": ";
  first_ = true;
}

void json_writer::text(std::string_view value) {
  literal(quoted(value));
}

void json_writer::decimal(std::int64_t value, int digits) {
  literal(fixed_decimal(value, digits));
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
