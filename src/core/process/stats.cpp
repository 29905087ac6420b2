// Statistics: copied under the registry's mutex, handed out without it.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <khelp/stats.h>

#include "base/cold_call.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/ordering.hpp"
#include "sync/reaper.hpp"

namespace khelp {
namespace {

struct hook_row {
  khelp_hook_stat stat{};
  std::string helper;
  std::string point;
  std::string why;
};

std::uint32_t state_of(const hook_attachment& hook) {
  return hook.is_suspended() ? KHELP_HOOK_SUSPENDED : KHELP_HOOK_ATTACHED;
}

void fill_counts(khelp_hook_stat& stat, const hook_attachment& hook) {
  const counter_block block = hook.block();
  stat.calls = counter_sum(block, cell_calls);
  stat.exceptions = hook.exceptions();
  stat.timed_calls = counter_sum(block, cell_timed_calls);
  stat.timed_ns = counter_sum(block, cell_timed_ns);
  for (unsigned reason = 0; reason < KHELP_SKIP_REASONS; ++reason)
    stat.skipped[reason] = counter_sum(block, cell_skips + reason);
}

hook_row row_of(const hook_point_record& point, std::size_t position)
    KHELP_REQUIRES(registry_mutex) {
  const hook_attachment& hook = *point.hooks[position];
  hook_row row;
  row.stat.size = sizeof row.stat;
  row.stat.type = point.name.type;
  row.stat.id = point.name.id;
  row.stat.state = state_of(hook);
  row.stat.instance = point.vid;
  row.stat.position = static_cast<std::uint32_t>(position);
  row.stat.priority = hook.wish().priority;
  fill_counts(row.stat, hook);
  row.helper = hook.wish().owner_name;
  row.point = point.words;
  row.why = explain_position(point.hooks, position);
  return row;
}

std::vector<hook_row> collect_hooks() {
  std::vector<hook_row> rows;
  hook_registry& hooks = the_hooks();
  lock_guard held(registry_mutex);
  hooks.for_each_point([&](const hook_point_record& point) KHELP_NO_TSA {
    for (std::size_t i = 0; i < point.hooks.size(); ++i)
      rows.push_back(row_of(point, i));
  });
  hooks.for_each_wish([&](const subscription& wish) KHELP_NO_TSA {
    if (hooks.is_attached(wish))
      return;
    hook_row row;
    row.stat.size = sizeof row.stat;
    row.stat.type = wish.info.hook_type;
    row.stat.id = wish.info.hook_id;
    auto [state, why] = hooks.why_nowhere(wish);
    row.stat.state = state;
    row.stat.priority = wish.priority;
    row.helper = wish.owner_name;
    row.point = hooks.words_for({wish.info.hook_type, wish.info.hook_id});
    row.why = std::move(why);
    rows.push_back(std::move(row));
  });
  return rows;
}

struct helper_row {
  khelp_helper_stat stat{};
  std::string name;
  const call_totals* totals = nullptr;
};

std::uint32_t public_state(const helper& h) {
  const std::uint32_t state = h.state();
  switch (state) {
    case helper_checking:
    case helper_leaving:
      return KHELP_HELPER_LIVE;
    case helper_leaving_without_objects:
      return KHELP_HELPER_DRAINING;
    default:
      return state;
  }
}

helper_row row_of(const helper& h) {
  helper_row row;
  row.name = h.name;
  row.totals = h.totals.get();
  row.stat.size = sizeof row.stat;
  row.stat.id = h.id;
  row.stat.version = h.version;
  row.stat.state = public_state(h);
  row.stat.attached = h.attached_as_told();
  row.stat.attached_total = counter_sum(h.block, cell_given);
  row.stat.adopted = counter_sum(h.block, cell_adopted);
  row.stat.attach_failures = counter_sum(h.block, cell_attach_failures);
  row.stat.refused = counter_sum(h.block, cell_refused);
  row.stat.calls = h.totals->calls;
  row.stat.exceptions = h.totals->exceptions;
  for (unsigned reason = 0; reason < KHELP_SKIP_REASONS; ++reason)
    row.stat.skipped[reason] = h.totals->skipped[reason];
  return row;
}

void add_counts(khelp_helper_stat& to, const hook_attachment& hook) {
  const counter_block block = hook.block();
  to.calls += counter_sum(block, cell_calls);
  to.exceptions += hook.exceptions();
  for (unsigned reason = 0; reason < KHELP_SKIP_REASONS; ++reason)
    to.skipped[reason] += counter_sum(block, cell_skips + reason);
}

std::vector<helper_row> collect_helpers() {
  std::vector<helper_row> rows;
  lock_guard held(registry_mutex);
  the_helpers().for_each([&](const helper& h) { rows.push_back(row_of(h)); });
  // A hook's counts are its own while some set has it, current or retired, and its owner's then. A
  // retired set may outlive the owner, but not the totals.
  std::set<const hook_attachment*> counted;
  const auto count = [&](const std::shared_ptr<hook_attachment>& hook) {
    const call_totals* totals = hook->wish().totals.get();
    if (totals == nullptr || !counted.insert(hook.get()).second)
      return;
    for (helper_row& row : rows) {
      if (row.totals == totals)
        add_counts(row.stat, *hook);
    }
  };
  the_hooks().for_each_point([&](const hook_point_record& point) {
    std::for_each(point.hooks.begin(), point.hooks.end(), count);
  });
  for_each_retired([&](const published_set& retired) {
    if (const auto* set = dynamic_cast<const hook_set*>(&retired))
      std::for_each(set->owners.begin(), set->owners.end(), count);
  });
  return rows;
}

}  // namespace
}  // namespace khelp

using namespace khelp;

extern "C" {

const char* khelp_skip_name(int reason) noexcept {
  switch (reason) {
    case KHELP_SKIP_NO_DATA:
      return "no-data";
    case KHELP_SKIP_NO_MEMORY:
      return "no-memory";
    case KHELP_SKIP_SUSPENDED:
      return "suspended";
    case KHELP_SKIP_RECURSION:
      return "recursion";
    case KHELP_SKIP_CONSTRUCTOR:
      return "constructor";
    default:
      return "unknown";
  }
}

int khelp_stats_hooks(void (*fn)(void* arg, const khelp_hook_stat* stat), void* arg) {
  return cold_call([&]() -> result<void> {
    for (hook_row& row : collect_hooks()) {
      row.stat.helper = row.helper.c_str();
      row.stat.point = row.point.c_str();
      row.stat.why = row.why.c_str();
      fn(arg, &row.stat);
    }
    return {};
  });
}

int khelp_stats_helpers(void (*fn)(void* arg, const khelp_helper_stat* stat), void* arg) {
  return cold_call([&]() -> result<void> {
    for (helper_row& row : collect_helpers()) {
      row.stat.name = row.name.c_str();
      fn(arg, &row.stat);
    }
    return {};
  });
}

int khelp_stats_timing(int on) {
  return cold_call([&] {
    auto done = the_hooks().set_timing(on != 0);
    reap();
    return done;
  });
}

}  // extern "C"
