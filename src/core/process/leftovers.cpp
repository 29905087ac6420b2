#include "core/process/leftovers.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <khelp/osd.h>

#include "core/filters/socket_filters.hpp"
#include "core/instances/instance.hpp"
#include "core/lists/hook_lists.hpp"
#include "core/objects/osd_types.hpp"
#include "core/points/hook_registry.hpp"
#include "core/zones/uma_registry.hpp"

namespace khelp {
namespace {

// For a run that is just inside. One that stays keeps the module mapped, and a later call asks again.
run_wait a_short_wait() {
  return run_wait(deadline(100'000'000));
}

bool leads_into(const module_range& module, const khelp_sysinit& function) {
  return module.has(&function) || module.has(function.function) || module.has(function.argument);
}

bool leads_into(const module_range& module, const khelp_sflt_filter& filter) {
  const void* words[sizeof filter / sizeof(void*)];
  static_assert(sizeof words == sizeof filter);
  std::memcpy(words, &filter, sizeof words);
  return std::any_of(std::begin(words), std::end(words),
                     [&](const void* word) { return module.has(word); });
}

bool leads_into(const module_range& module, const osd::slot_entry& entry, unsigned methods) {
  if (module.has(entry.destructor))
    return true;
  return entry.methods != nullptr &&
         std::any_of(entry.methods, entry.methods + methods,
                     [&](khelp_osd_method_t method) { return module.has(method); });
}

std::string in_words(unsigned type, unsigned slot) {
  return "slot " + std::to_string(slot) + " of objects of type " + std::to_string(type);
}

void take_off_slots(const module_range& module, leftovers& found) {
  for (unsigned number = 0; number < osd::max_types; ++number) {
    osd::type& type = osd::any_type(number);
    for (unsigned slot = 1; slot <= type.slots(); ++slot) {
      {
        lock_guard held(osd::types_mutex);
        const osd::slot_entry& entry = type.entry(slot);
        const std::uint32_t state = entry.state;
        if (state == osd::slot_entry::vacant || state == osd::slot_entry::held ||
            !leads_into(module, entry, type.methods))
          continue;
        if (state != osd::slot_entry::registered) {
          found.remaining.push_back(in_words(number, slot) + ", whose values are being destroyed");
          continue;
        }
      }
      khelp_osd_deregister(number, slot);
      found.taken_off.push_back(in_words(number, slot));
    }
  }
}

void find_zones(const module_range& module, leftovers& found) {
  struct search {
    const module_range& module;
    leftovers& found;
  } wanted{module, found};
  uma::for_each_zone(
      [](void* arg, khelp_uma_zone& zone) {
        const auto& [range, into] = *static_cast<search*>(arg);
        lock_guard held(zone.lock);
        if (range.has(zone.ctor) || range.has(zone.dtor) || range.has(zone.init) ||
            range.has(zone.fini) || range.has(zone.maxaction))
          into.remaining.push_back("zone '" + zone.name + "' calls functions of it");
      },
      &wanted);
}

}  // namespace

// Hooks that no helper owns: those of helpers have gone with them.
void hook_registry::take_off_hooks(const module_range& module, leftovers& found) {
  const auto of_module = [&](const subscription& wish) {
    return module.has(wish.info.hook_func) || module.has(wish.info.hook_udata);
  };
  reader_wait wait;
  {
    lock_guard held(registry_mutex);
    std::vector<std::string> words;
    for (const auto& [name, at] : names_) {
      const auto& wishes = at.wishes;
      if (std::any_of(wishes.begin(), wishes.end(), [&](const auto& w) { return of_module(*w); }))
        words.push_back("a hook at point " + words_for(name));
    }
    if (auto done = remove_all(of_module, wait); !done) {
      found.remaining.push_back("hooks (" + done.error().detail + ")");
      return;
    }
    std::move(words.begin(), words.end(), std::back_inserter(found.taken_off));
  }
  if (!wait.try_finish())
    found.remaining.emplace_back("a hook that may be running");
}

void hook_registry::take_off_points(const module_range& module, leftovers& found) {
  std::vector<std::pair<khelp_hhook_head*, std::string>> heads;
  {
    lock_guard held(registry_mutex);
    for (const auto& [serial, point] : points_) {
      if (module.has(point->head))
        heads.emplace_back(point->head, "hook point " + words_for(point->name));
    }
    for (const auto& ended : ended_) {
      if (module.has(ended->head))
        found.remaining.push_back("hook point " + words_for(ended->name) + ", which is in use");
    }
  }
  for (auto& [head, words] : heads) {
    run_wait wait = a_short_wait();
    if (auto removed = remove_point(head, false, wait); removed)
      found.taken_off.push_back(std::move(words));
    else
      found.remaining.push_back(words + " (" + removed.error().detail + ")");
  }
}

void hook_lists::take_off(const module_range& module, leftovers& found) {
  std::vector<std::pair<khelp_hook_list*, khelp_hook*>> left;
  {
    lock_guard held(registry_mutex);
    for (khelp_hook_list* list : lists_) {
      const auto* now = static_cast<const listed_hooks*>(list->place.current());
      if (now == nullptr)
        continue;
      for (const auto& hook : now->hooks()) {
        if (!hook->is_removed() && hook->leads_into(module))
          left.emplace_back(list, hook->handle());
      }
    }
  }
  for (const auto& [list, hook] : left) {
    (void)remove(list, hook, 0, nullptr);
    found.taken_off.push_back("a hook of the list '" + std::string(list->name) + "'");
  }
  lock_guard held(registry_mutex);
  for (const listed_hook* hook = leaving_.get(); hook != nullptr; hook = hook->next_leaving.get()) {
    if (hook->leads_into(module))
      found.remaining.emplace_back("a hook of a list, which may be running");
  }
}

bool listed_hook::leads_into(const module_range& module) const noexcept {
  return module.has(callback) || module.has(proc_callback) || module.has(pointer) ||
         module.has(arg) || module.has(release_);
}

void socket_filters::take_off(const module_range& module, leftovers& found) {
  std::vector<std::uint32_t> handles;
  {
    lock_guard held(registry_mutex);
    for (const auto& [handle, filter] : filters_) {
      if (leads_into(module, filter->calls))
        handles.push_back(handle);
    }
  }
  for (const std::uint32_t handle : handles) {
    (void)remove(handle);
    lock_guard held(registry_mutex);
    const auto at = filters_.find(handle);
    if (at == filters_.end())
      found.taken_off.push_back("a socket filter");
    else
      found.remaining.push_back("socket filter '" + at->second->name + "', which is in use");
  }
}

void instance_registry::take_off(const module_range& module, leftovers& found) {
  const auto first_of = [&](function_map instance_registry::*map) -> const khelp_sysinit* {
    lock_guard held(mutex_);
    const function_map& all = this->*map;
    const auto at = std::find_if(all.begin(), all.end(), [&](const auto& entry) {
      return leads_into(module, *entry.second);
    });
    return at == all.end() ? nullptr : at->second;
  };
  while (const khelp_sysinit* start = first_of(&instance_registry::starts_)) {
    if (!remove_start(*start))
      break;
    found.taken_off.emplace_back("a constructor of instances");
  }
  while (const khelp_sysinit* end = first_of(&instance_registry::ends_)) {
    if (!remove_end(*end))
      break;
    found.taken_off.emplace_back("a destructor of instances");
  }
  if (first_of(&instance_registry::starts_) != nullptr ||
      first_of(&instance_registry::ends_) != nullptr)
    found.remaining.emplace_back("functions that instances call");
  take_off_variables(module, found);
}

void instance_registry::take_off_variables(const module_range& module, leftovers& found) {
  if (auto may = may_change(); !may) {
    found.remaining.push_back("variables of instances (" + may.error().detail + ")");
    return;
  }
  const turn mine(turn_);
  lock_guard held(mutex_);
  for (unsigned number = 0; number < most_blocks; ++number) {
    if (!module.has(blocks_[number].templates))
      continue;
    blocks_[number] = {};
    free_block(number);
    found.taken_off.emplace_back("variables of instances");
  }
}

leftovers take_off_leftovers(const module_range& module) {
  leftovers found;
  the_hooks().take_off_hooks(module, found);
  the_hooks().take_off_points(module, found);
  the_socket_filters().take_off(module, found);
  the_hook_lists().take_off(module, found);
  the_instances().take_off(module, found);
  take_off_slots(module, found);
  find_zones(module, found);
  return found;
}

}  // namespace khelp
