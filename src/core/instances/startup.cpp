#include "core/instances/startup.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/cancellation.hpp"
#include "base/guarded.hpp"

namespace khelp {
namespace {

constexpr std::uint64_t every_place = UINT64_MAX;

// Places as numbers that ascend as they do.
std::uint64_t number_of(start_place place) {
  return (std::uint64_t{place.subsystem} << 32) | place.order;
}
std::uint64_t number_of(const khelp_sysinit& function) {
  return number_of(start_place{function.subsystem, function.order});
}

// Without those at no place, ascending and stable (M-1).
std::vector<const khelp_sysinit*> in_order(const khelp_sysinit* const* first,
                                           const khelp_sysinit* const* last) {
  std::vector<const khelp_sysinit*> list;
  std::copy_if(first, last, std::back_inserter(list),
               [](const auto* f) { return f->subsystem != KHELP_SI_SUB_DUMMY; });
  std::stable_sort(list.begin(), list.end(),
                   [](const auto* a, const auto* b) { return number_of(*a) < number_of(*b); });
  return list;
}

bool is_function(const khelp_sysinit* record) {
  return record != nullptr && record->function != nullptr &&
         record->kind <= KHELP_SYSINIT_INSTANCE_END;
}

result<void> check(const std::string& name, const khelp_file_sets& sets) {
  if (!std::all_of(sets.starts, sets.starts_end, is_function) ||
      !std::all_of(sets.ends, sets.ends_end, is_function))
    return failure(EINVAL, name + ": a start or end function's record is none");
  return {};
}

}  // namespace

file_startup::file_startup(std::string name, const khelp_file_sets& sets)
    : name_(std::move(name)),
      variables_(sets.variables, sets.variables_end),
      starts_(in_order(sets.starts, sets.starts_end)),
      ends_(in_order(sets.ends, sets.ends_end)) {}

result<std::unique_ptr<file_startup>> file_startup::prepare(std::string name,
                                                            const khelp_file_sets& sets) {
  if (auto checked = check(name, sets); !checked)
    return std::move(checked).error();
  std::unique_ptr<file_startup> made(new file_startup(std::move(name), sets));
  if (!made->variables_.empty()) {
    const auto* first = static_cast<const std::byte*>(sets.templates);
    const auto* last = static_cast<const std::byte*>(sets.templates_end);
    auto added = the_instances().add_variables(first, static_cast<std::size_t>(last - first),
                                               made->variables_);
    if (!added)
      return std::move(added).error();
  }
  return made;
}

result<void> file_startup::start(const khelp_sysinit& function) {
  switch (function.kind) {
    case KHELP_SYSINIT_INSTANCE_START:
      return start_in_instances(function);
    case KHELP_SYSINIT_INSTANCE_END:
      return the_instances().add_end(function);
    default:
      return guarded(name_, "a start function", [&] { function.function(function.argument); });
  }
}

// Where it has thrown in one instance, the destructors that go with it, which are not registered yet,
// run in those before.
result<void> file_startup::start_in_instances(const khelp_sysinit& function) {
  std::uint64_t thrown_in = 0;
  auto done = the_instances().add_start(function, &thrown_in);
  if (done || thrown_in == 0)
    return done;
  for (std::size_t i = started_ + 1; i < starts_.size(); ++i) {
    const khelp_sysinit& next = *starts_[i];
    if (number_of(next) != number_of(function) || next.kind == KHELP_SYSINIT_INSTANCE_START)
      break;
    if (next.kind == KHELP_SYSINIT_INSTANCE_END)
      the_instances().call_end(next, thrown_in);
  }
  return done;
}

void file_startup::stop(const khelp_sysinit& function) noexcept {
  guarded_to_the_end("", name_, "an end function", [&] {
    if (function.kind == KHELP_SYSINIT_INSTANCE_START)
      (void)the_instances().remove_start(function);
    else if (function.kind == KHELP_SYSINIT_INSTANCE_END)
      (void)the_instances().remove_end(function);
    else if (number_of(function) < reached_)
      function.function(function.argument);
  });
}

bool file_startup::next_is_for_instances(start_place limit) const {
  return started_ < starts_.size() && starts_[started_]->kind != KHELP_SYSINIT_CALL &&
         number_of(*starts_[started_]) <= number_of(limit);
}

result<void> file_startup::start_for_instances(start_place limit) {
  if (auto may = the_instances().may_change(); !may)
    return may;
  const turn together = the_instances().one_change();
  for (; next_is_for_instances(limit); ++started_) {
    reached_ = std::max(reached_, number_of(*starts_[started_]));
    if (auto done = start(*starts_[started_]); !done)
      return done;
  }
  return {};
}

result<void> file_startup::run_up_to(start_place place) {
  const instance_scope in(the_instances().first());
  while (started_ < starts_.size() && number_of(*starts_[started_]) <= number_of(place)) {
    if (next_is_for_instances(place)) {
      if (auto done = start_for_instances(place); !done)
        return done;
      continue;
    }
    const khelp_sysinit& next = *starts_[started_];
    // Should it fail, its own place was not reached, unless another function of it has run.
    reached_ = std::max(reached_, number_of(next));
    if (auto done = start(next); !done)
      return done;
    reached_ = number_of(next) + 1;
    ++started_;
  }
  reached_ = number_of(place) + 1;
  return {};
}

result<void> file_startup::run_all() {
  if (auto done = run_up_to({UINT32_MAX, UINT32_MAX - 1}); !done)
    return done;
  reached_ = every_place;
  return {};
}

void file_startup::end() noexcept {
  const instance_scope in(the_instances().first());
  const no_cancellation later;
  // In one turn: an instance that begins or ends has all of the file's functions, or none.
  const turn together = the_instances().one_change();
  for (const khelp_sysinit* start : starts_) {
    if (start->kind == KHELP_SYSINIT_INSTANCE_START)
      stop(*start);
  }
  for (; !ends_.empty(); ends_.pop_back())
    stop(*ends_.back());
  if (!variables_.empty())
    (void)the_instances().remove_variables(variables_);
}

}  // namespace khelp
