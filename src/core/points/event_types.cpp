#include "core/points/event_types.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <string_view>
#include <unordered_map>

#include "base/cold_call.hpp"
#include "base/text.hpp"
#include "sync/publication.hpp"

namespace khelp {
namespace {

// A record is of one file, and a file has few.
constexpr std::uint32_t most_fields = 4096;

std::unordered_map<std::string, event_layout>& types() KHELP_REQUIRES(registry_mutex) {
  static auto* known = new std::unordered_map<std::string, event_layout>;
  return *known;
}

std::string_view name_of(const khelp_event_field& field) {
  return {field.name, strnlen(field.name, sizeof field.name)};
}

const khelp_event_field* find(const event_layout& layout, std::string_view name) {
  const auto at = std::find_if(layout.fields.begin(), layout.fields.end(),
                               [&](const khelp_event_field& f) { return name_of(f) == name; });
  return at == layout.fields.end() ? nullptr : &*at;
}

std::string_view words_for_kind(std::uint32_t kind) {
  static constexpr std::string_view words[] = {"a struct or array",
                                               "a signed integer",
                                               "an unsigned integer",
                                               "a floating-point number",
                                               "a bool",
                                               "text",
                                               "bytes",
                                               "a pointer"};
  return kind < std::size(words) ? words[kind] : "of a kind that is not known here";
}

// "": it is the same.
std::string difference(const khelp_event_field& theirs, const khelp_event_field& ours) {
  std::string words;
  const auto add = [&](const std::string& part) { words += (words.empty() ? "" : ", ") + part; };
  if (theirs.offset != ours.offset)
    add(concat("is at offset ", theirs.offset, " there and ", ours.offset, " here"));
  if (theirs.size != ours.size)
    add(concat("has ", theirs.size, " bytes there and ", ours.size, " here"));
  if (theirs.kind != ours.kind)
    add(concat("is ", words_for_kind(theirs.kind), " there and ", words_for_kind(ours.kind),
               " here"));
  return words;
}

}  // namespace

result<event_layout> layout_in(const khelp_modinfo_fields& record,
                               std::span<const std::byte> behind_it) {
  if (record.field_size < sizeof(khelp_event_field) || record.field_size % 8 != 0 ||
      record.count > most_fields ||
      std::uint64_t{record.count} * record.field_size > behind_it.size())
    return failure(EINVAL, "the fields of an event type: the record's sizes do not fit");
  event_layout layout{record.fingerprint, record.event_size, {}};
  layout.fields.resize(record.count);
  for (std::size_t i = 0; i < record.count; ++i)
    std::memcpy(&layout.fields[i], &behind_it[i * record.field_size], sizeof(khelp_event_field));
  return layout;
}

result<event_layout> layout_in(const khelp_modinfo_fields& record) {
  const std::size_t size = std::max<std::size_t>(record.header.size, sizeof record);
  return layout_in(record, {reinterpret_cast<const std::byte*>(&record + 1), size - sizeof record});
}

result<void> declare_event(const std::string& name, event_layout layout) {
  lock_guard held(registry_mutex);
  const auto [known, fresh] = types().try_emplace(name, std::move(layout));
  if (fresh)
    return {};
  if (known->second.fingerprint != layout.fingerprint)
    return failure(EEXIST, concat("event '", name, "': declared with another layout",
                                  layout_difference(layout, known->second)));
  if (known->second.size == 0)
    known->second = std::move(layout);
  return {};
}

event_layout known_event(const std::string& name) {
  lock_guard held(registry_mutex);
  const auto known = types().find(name);
  return known == types().end() ? event_layout{} : known->second;
}

std::string layout_difference(const event_layout& theirs, const event_layout& ours) {
  constexpr std::size_t most = 4;
  if (theirs.size == 0 && ours.size == 0)
    return {};
  if (theirs.size == 0 || ours.size == 0)
    return concat(" (", std::max(theirs.size, ours.size), " bytes ",
                  theirs.size == 0 ? "here" : "there", ")");
  std::vector<std::string> parts;
  if (!theirs.fields.empty() && !ours.fields.empty()) {
    for (const khelp_event_field& field : theirs.fields) {
      const khelp_event_field* same = find(ours, name_of(field));
      const std::string how =
          same == nullptr ? std::string("is not here") : difference(field, *same);
      if (!how.empty())
        parts.push_back(concat("field '", name_of(field), "' ", how));
    }
    for (const khelp_event_field& field : ours.fields) {
      if (find(theirs, name_of(field)) == nullptr)
        parts.push_back(concat("field '", name_of(field), "' is not there"));
    }
    if (parts.empty() && theirs.size == ours.size)
      parts.emplace_back("the same fields are declared in another order");
  }
  const std::size_t all = parts.size();
  if (all > most) {
    parts.resize(most);
    parts.push_back(concat(all - most, " more differ"));
  }
  if (theirs.size != ours.size)
    parts.push_back(
        concat("the struct has ", theirs.size, " bytes there and ", ours.size, " here"));
  else if (parts.empty())
    parts.push_back(concat("the struct has ", ours.size, " bytes here and there"));
  std::string words;
  for (const std::string& part : parts)
    words += (words.empty() ? ": " : "; ") + part;
  return words;
}

}  // namespace khelp

using namespace khelp;

extern "C" {

int khelp_event_declare(const char* name, uint64_t fingerprint) {
  return cold_call([&] { return declare_event(name, {fingerprint, 0, {}}); });
}

int khelp_event_declare_fields(const khelp_modinfo_fields* fields) {
  return cold_call([&]() -> result<void> {
    auto layout = layout_in(*fields);
    if (!layout)
      return std::move(layout).error();
    return declare_event(std::string(fields->name, strnlen(fields->name, sizeof fields->name)),
                         std::move(*layout));
  });
}

uint64_t khelp_event_fingerprint(const char* name) {
  std::uint64_t fingerprint = 0;
  cold_call([&]() -> result<void> {
    fingerprint = known_event(name).fingerprint;
    return {};
  });
  return fingerprint;
}

int khelp_event_fields(const char* name, int (*fn)(void* arg, const khelp_event_field* field),
                       void* arg) {
  event_layout layout;
  const int error = cold_call([&]() -> result<void> {
    layout = known_event(name);
    if (layout.fields.empty())
      return failure(ENOENT, concat("event '", name, "': nobody declared its fields"));
    return {};
  });
  if (error != 0)
    return error;
  for (const khelp_event_field& field : layout.fields) {
    if (const int answer = fn(arg, &field); answer != 0)
      return answer;
  }
  return 0;
}

}  // extern "C"
