#include "app/replay/helper_set.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "app/replay/stock_ertt.hpp"
#include "snapshot/modules.hpp"

namespace khelp::app {
namespace {

constexpr const char* advice_when_missing =
    "\n--module-path names folders to search first; a file's name needs a '/' or ends in .so";

std::vector<snapshot::module_info> live_modules() {
  auto found = snapshot::read_modules();
  std::erase_if(found, [](const auto& each) { return each.state != KHELP_MODULE_LIVE; });
  return found;
}

helper_schema schema_of(const khelp_helper_description& helper, std::uint32_t personality,
                        bool raw) {
  helper_schema schema;
  schema.name = helper.name;
  if (helper.report != nullptr) {
    for (std::uint32_t i = 0; i < helper.nfields; ++i) {
      const khelp_field& field = helper.fields[i];
      schema.fields.push_back({field.name, field.kind, (field.flags & KHELP_FIELD_IN_TABLE) != 0});
    }
  } else if (is_stock_ertt(helper, personality)) {
    schema.fields = stock_ertt_fields();
  } else {
    schema.raw = raw && helper.data_size > 0;
  }
  return schema;
}

std::string hexadecimal(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::string digits;
  digits.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i)
    fmt::format_to(std::back_inserter(digits), "{:02x}", bytes[i]);
  return digits;
}

}  // namespace

// Without totals and warnings, which are not read any more: memory may be what has run out.
helper_set::~helper_set() {
  for (; !files_.empty(); files_.pop_back())
    (void)khelp_unload(files_.back(), KHELP_UNLOAD_REVOKE, 0);
}

result<void> helper_set::load(const helpers_request& asked) {
  std::vector<const char*> libraries;
  for (const std::string& library : asked.libraries)
    libraries.push_back(library.c_str());
  for (const load_request& load : asked.loads) {
    std::vector<khelp_load_param> params;
    for (const auto& [name, value] : load.parameters)
      params.push_back({name.c_str(), value.c_str()});
    khelp_load_options options{};
    options.size = sizeof options;
    options.flags = asked.debug ? KHELP_LOAD_DEBUG : 0;
    options.module_path = asked.module_path.empty() ? nullptr : asked.module_path.c_str();
    options.params = params.data();
    options.nparams = static_cast<std::uint32_t>(params.size());
    options.libraries = libraries.data();
    options.nlibraries = static_cast<std::uint32_t>(libraries.size());
    std::int32_t file = 0;
    if (const int error = khelp_load(load.helper.c_str(), &options, &file))
      return failure(error, fmt::format("cannot load {}: {}{}", load.helper, khelp_failure_text(),
                                        error == ENOENT ? advice_when_missing : ""));
  }
  list_members(asked.raw);
  return {};
}

void helper_set::list_members(bool raw) {
  for (const snapshot::module_info& module : live_modules()) {
    files_.push_back(module.id);
    if (module.helper == 0)
      continue;
    member found{module.helper, module.version, {}};
    found.description.size = sizeof found.description;
    if (khelp_helper_describe(module.helper, &found.description) != 0)
      continue;
    schemas_.push_back(schema_of(found.description, module.personality, raw));
    members_.push_back(found);
  }
}

std::vector<std::string> helper_set::files() const {
  std::vector<std::string> names;
  for (const snapshot::module_info& module : live_modules())
    names.push_back(module.file);
  return names;
}

std::vector<std::optional<helper_data>> helper_set::read(khelp_osd* object) const {
  std::vector<std::optional<helper_data>> all(schemas_.size());
  if (members_.empty())
    return all;
  const object_section section(object);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (const void* data = khelp_get_osd(object, members_[i].id))
      all[i] = read_member(i, data);
  }
  return all;
}

helper_data helper_set::read_member(std::size_t at, const void* data) const {
  const khelp_helper_description& helper = members_[at].description;
  const helper_schema& schema = schemas_[at];
  if (schema.raw)
    return {{}, hexadecimal(data, helper.data_size)};
  if (schema.fields.empty())
    return {};
  if (helper.report == nullptr)
    return {stock_ertt_values(data), ""};
  std::vector<khelp_value> reported(schema.fields.size());
  helper_data read;
  try {
    helper.report(data, reported.data());
  } catch (...) {
    read.report_threw = true;
    reported.assign(reported.size(), {});
  }
  read.values.reserve(reported.size());
  for (const khelp_value& value : reported)
    read.values.push_back(value.present != 0 ? std::optional(value.number) : std::nullopt);
  return read;
}

std::vector<snapshot::helper_info> helper_set::totals() const {
  if (members_.empty())
    return final_totals_;
  const auto all = snapshot::read_helpers();
  std::vector<snapshot::helper_info> ours;
  for (const member& each : members_) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& helper) { return helper.id == each.id; });
    if (found == all.end())
      continue;
    ours.push_back(*found);
    ours.back().version = each.version;
  }
  return ours;
}

std::vector<std::string> helper_set::unload() {
  final_totals_ = totals();
  members_.clear();
  std::vector<std::string> warnings;
  std::reverse(files_.begin(), files_.end());
  for (const std::int32_t file : std::exchange(files_, {})) {
    if (khelp_unload(file, KHELP_UNLOAD_REVOKE, 0) != 0)
      warnings.emplace_back(khelp_failure_text());
  }
  for (const snapshot::module_info& module : snapshot::read_modules()) {
    if (module.state == KHELP_MODULE_ZOMBIE)
      warnings.push_back(
          fmt::format("{} is unloaded, but its code stays mapped: {}", module.name, module.reason));
  }
  return warnings;
}

}  // namespace khelp::app
