#include "app/report/memory_report.hpp"

#include <fmt/format.h>

#include "app/cli/printable.hpp"
#include "app/cli/text_grid.hpp"
#include "app/cli/units.hpp"

namespace khelp::app {
namespace {

std::string zones_text(const std::vector<snapshot::zone_info>& zones, bool colour) {
  if (zones.empty())
    return "No zone was made.\n";
  text_grid grid({{"ZONE", align::left},
                  {"SIZE"},
                  {"LIMIT"},
                  {"USED"},
                  {"FREE"},
                  {"REQUESTS"},
                  {"FAILURES"},
                  {"SLEEPS"},
                  {"CROSSED"}});
  for (const snapshot::zone_info& zone : zones)
    grid.row({{printable(zone.name)},
              {grouped(zone.item_size)},
              {grouped(zone.limit)},
              {grouped(zone.used)},
              {grouped(zone.free)},
              {grouped(zone.requests)},
              {grouped(zone.failures)},
              {grouped(zone.sleeps)},
              {grouped(zone.cross)}});
  return grid.render(colour);
}

std::string types_text(const std::vector<snapshot::memory_type_info>& types, bool colour) {
  if (types.empty())
    return "No type of memory was used.\n";
  text_grid grid({{"TYPE", align::left},
                  {"IN USE"},
                  {"MEMORY"},
                  {"HIGH WATER"},
                  {"REQUESTS"},
                  {"FREES"},
                  {"WRONG TYPE"},
                  {"FAILURES"},
                  {"SIZES"}});
  for (const snapshot::memory_type_info& type : types)
    grid.row({{printable(type.name)},
              {grouped(type.in_use)},
              {readable_bytes(type.bytes)},
              {readable_bytes(type.high_water)},
              {grouped(type.requests)},
              {grouped(type.frees)},
              {grouped(type.mismatches)},
              {grouped(type.failures)},
              {fmt::format("{}", fmt::join(type.sizes, ","))}});
  return grid.render(colour);
}

}  // namespace

std::string memory_text(const snapshot::memory_info& memory, bool colour) {
  return zones_text(memory.zones, colour) + "\n" + types_text(memory.types, colour);
}

void write_memory(json_writer& json, const snapshot::memory_info& memory) {
  json.begin_object();
  json.key("types");
  json.begin_array();
  for (const snapshot::memory_type_info& type : memory.types) {
    json.begin_object();
    json.number("bytes", type.bytes);
    json.number("failures", type.failures);
    json.number("frees", type.frees);
    json.number("high_water", type.high_water);
    json.number("in_use", type.in_use);
    json.number("mismatches", type.mismatches);
    json.text("name", type.name);
    json.number("requests", type.requests);
    json.key("sizes");
    json.begin_array();
    for (std::uint64_t size : type.sizes)
      json.number(size);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.key("zones");
  json.begin_array();
  for (const snapshot::zone_info& zone : memory.zones) {
    json.begin_object();
    json.number("cross", zone.cross);
    json.number("failures", zone.failures);
    json.number("free", zone.free);
    json.number("item_size", zone.item_size);
    json.number("limit", zone.limit);
    json.text("name", zone.name);
    json.number("requests", zone.requests);
    json.number("sleeps", zone.sleeps);
    json.number("used", zone.used);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace khelp::app
