// The files that are there, as far as a plan must know; found by their names.
#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "host/files.hpp"

namespace khelp {
namespace {

/// Whether it goes, and this thread need not do anything for that.
bool ending(const loaded_file& f) KHELP_REQUIRES(loader_mutex) {
  return f.state == KHELP_MODULE_GOING &&
         (!f.busy || (f.finishing && !pthread_equal(f.worker, pthread_self())));
}

bool has_module(const loaded_file& f, std::string_view name) KHELP_REQUIRES(loader_mutex) {
  for (const registered_module& module : f.registered) {
    if (module.name == name && (module.there || f.state == KHELP_MODULE_GOING))
      return true;
  }
  return false;
}

/// What a module offers goes with it when it did not start, or did not start again.
bool is_withdrawn(const loaded_file& f, std::string_view interface) KHELP_REQUIRES(loader_mutex) {
  for (const registered_module& module : f.registered) {
    if (module.name == interface && !module.there)
      return true;
  }
  return false;
}

}  // namespace

/// Each name of a file once. Files of one path get spellings of it that differ.
void file_table::add_to_indexes(loaded_file& f) {
  for (const std::string& module : f.module_names)
    by_module_.emplace(module, &f);
  for (auto offer = f.offers.begin(); offer != f.offers.end(); ++offer) {
    if (std::none_of(f.offers.begin(), offer,
                     [&](const offered_interface& other) { return other.name == offer->name; }))
      by_interface_.emplace(offer->name, &f);
  }
  if (!f.soname.empty())
    by_soname_.emplace(f.soname, &f);
  const std::vector<loaded_file*> same = found_in(by_path_, f.full_path);
  const auto is_free = [&](unsigned spelling) {
    return std::none_of(same.begin(), same.end(),
                        [&](const loaded_file* other) { return other->spelling == spelling; });
  };
  f.spelling = 1;
  while (!is_free(f.spelling))
    f.spelling++;
  by_path_.emplace(f.full_path, &f);
}

void file_table::take_from_indexes(loaded_file& f) noexcept {
  const auto take_from = [&](index& by, const std::string& name) {
    const auto [begin, end] = by.equal_range(name);
    const auto entry = std::find_if(begin, end, [&](const auto& e) { return e.second == &f; });
    if (entry != end)
      by.erase(entry);
  };
  for (const std::string& module : f.module_names)
    take_from(by_module_, module);
  for (const offered_interface& offer : f.offers)
    take_from(by_interface_, offer.name);
  take_from(by_soname_, f.soname);
  take_from(by_path_, f.full_path);
}

std::vector<loaded_file*> file_table::found_in(index& by, const std::string& name) {
  std::vector<loaded_file*> found;
  const auto [begin, end] = by.equal_range(name);
  for (auto entry = begin; entry != end; ++entry)
    found.push_back(entry->second);
  std::sort(found.begin(), found.end(),
            [](const loaded_file* a, const loaded_file* b) { return a->id < b->id; });
  return found;
}

std::optional<present_file> file_table::with_module(const std::string& name) {
  lock_guard held(loader_mutex);
  for (const loaded_file* f : found_in(by_module_, name)) {
    if (f->state != KHELP_MODULE_ZOMBIE && has_module(*f, name))
      return present_file{f->id, ending(*f)};
  }
  return std::nullopt;
}

std::vector<present_offer> file_table::offers_of(const std::string& interface) {
  std::vector<present_offer> offers;
  if (interface == "kernel")
    offers.push_back({{program_file, false}, KHELP_KERNEL_VERSION, true, false, false});
  lock_guard held(loader_mutex);
  for (const loaded_file* f : found_in(by_interface_, interface)) {
    if (f->state == KHELP_MODULE_ZOMBIE)
      continue;
    const present_file file{f->id, ending(*f)};
    for (const offered_interface& offer : f->offers) {
      if (offer.name == interface)
        offers.push_back({file, offer.version, usable(*f),
                          usable(*f) && is_withdrawn(*f, interface), has_module(*f, interface)});
    }
  }
  return offers;
}

std::optional<present_file> file_table::with_soname(const std::string& name) {
  lock_guard held(loader_mutex);
  for (const loaded_file* f : found_in(by_soname_, name))
    return present_file{f->id, ending(*f)};
  return std::nullopt;
}

std::string file_table::too_many_zombies(const std::string& module, std::uint32_t most) {
  lock_guard held(loader_mutex);
  std::uint32_t count = 0;
  const loaded_file* newest = nullptr;
  for (const loaded_file* f : found_in(by_module_, module)) {
    if (f->state != KHELP_MODULE_ZOMBIE || f->name != module)
      continue;
    count++;
    newest = f;
  }
  if (count == 0 || count < most)
    return {};
  return concat(count, " files of module ", quoted(module),
                " were unloaded and are still mapped, and more are not allowed "
                "here (khelp_load_options.most_zombies): ",
                newest->reason);
}

std::string file_table::exporter_of(const std::string& symbol) {
  lock_guard held(loader_mutex);
  for (const auto& [id, f] : files_) {
    if (usable(*f) && exports(f->exports, symbol))
      return f->path;
  }
  return {};
}

}  // namespace khelp
