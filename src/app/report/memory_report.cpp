#include "app/report/memory_report.hpp"

#include <fmt/format.h>
#include <new>

#include <khelp/malloc.h>
#include <khelp/uma.h>

#include "app/cli/printable.hpp"
#include "app/cli/text_grid.hpp"
#include "app/cli/units.hpp"

namespace khelp::app {
namespace {

const auto heading = fmt::text_style(fmt::emphasis::bold);

void add_zone(void* arg, const khelp_uma_stat* stat) {
  zone_report zone;
  zone.name = stat->name;
  zone.item_size = stat->item_size;
  zone.limit = stat->limit;
  zone.used = stat->used;
  zone.free = stat->free;
  zone.requests = stat->allocs;
  zone.failures = stat->fails;
  zone.sleeps = stat->sleeps;
  zone.cross = stat->cross;
  static_cast<memory_report*>(arg)->zones.push_back(std::move(zone));
}

void add_type(void* arg, const khelp_malloc_stat* stat) {
  type_report type;
  type.name = stat->name;
  type.in_use = stat->in_use;
  type.bytes = stat->bytes;
  type.high_water = stat->high_water;
  type.requests = stat->requests;
  type.frees = stat->frees;
  type.failures = stat->failures;
  type.mismatches = stat->mismatches;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((stat->sizes >> bit & 1) != 0)
      type.sizes.push_back(std::uint64_t{1} << bit);
  }
  static_cast<memory_report*>(arg)->types.push_back(std::move(type));
}

std::vector<text_grid::cell> titles(std::initializer_list<const char*> names) {
  std::vector<text_grid::cell> cells;
  for (const char* name : names)
    cells.push_back({name, heading});
  return cells;
}

std::vector<align> first_left(std::size_t columns) {
  std::vector<align> all(columns, align::right);
  all[0] = align::left;
  return all;
}

std::string zones_text(const std::vector<zone_report>& zones, bool colour) {
  if (zones.empty())
    return "No zone was made.\n";
  text_grid grid(first_left(9));
  grid.row(titles(
      {"ZONE", "SIZE", "LIMIT", "USED", "FREE", "REQUESTS", "FAILURES", "SLEEPS", "CROSSED"}));
  for (const zone_report& zone : zones)
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

std::string types_text(const std::vector<type_report>& types, bool colour) {
  if (types.empty())
    return "No type of memory was used.\n";
  text_grid grid(first_left(9));
  grid.row(titles({"TYPE", "IN USE", "MEMORY", "HIGH WATER", "REQUESTS", "FREES", "WRONG TYPE",
                   "FAILURES", "SIZES"}));
  for (const type_report& type : types)
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

memory_report read_memory() {
  memory_report memory;
  if (khelp_uma_stats(add_zone, &memory) != 0 || khelp_malloc_stats(add_type, &memory) != 0)
    throw std::bad_alloc();
  return memory;
}

std::string memory_text(const memory_report& memory, bool colour) {
  return zones_text(memory.zones, colour) + "\n" + types_text(memory.types, colour);
}

void write_memory(json_writer& json, const memory_report& memory) {
  const auto number = [&json](const char* key, std::uint64_t value) {
    json.key(key);
    json.number(value);
  };
  json.begin_object();
  json.key("types");
  json.begin_array();
  for (const type_report& type : memory.types) {
    json.begin_object();
    number("bytes", type.bytes);
    number("failures", type.failures);
    number("frees", type.frees);
    number("high_water", type.high_water);
    number("in_use", type.in_use);
    number("mismatches", type.mismatches);
    json.key("name");
    json.text(type.name);
    number("requests", type.requests);
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
  for (const zone_report& zone : memory.zones) {
    json.begin_object();
    number("cross", zone.cross);
    number("failures", zone.failures);
    number("free", zone.free);
    number("item_size", zone.item_size);
    number("limit", zone.limit);
    json.key("name");
    json.text(zone.name);
    number("requests", zone.requests);
    number("sleeps", zone.sleeps);
    number("used", zone.used);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace khelp::app
