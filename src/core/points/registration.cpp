// Points are registered.
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#include "base/log.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/naming.hpp"
#include "core/points/registry_parts.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

constexpr std::uint32_t default_recursion_limit = 8;

result_rule rule_of(std::uint32_t flags) {
  if (flags & KHELP_HHOOK_RESULT_FIRST)
    return result_rule::first;
  if (flags & KHELP_HHOOK_RESULT_STRICTEST)
    return result_rule::strictest;
  return result_rule::ignore;
}

}  // namespace

result<khelp_hhook_head*> hook_registry::add_point(point_name name, khelp_hhook_head* storage,
                                                   bool keep_reference, std::uintptr_t vid,
                                                   const head_options& options) {
  decide_barrier_mode();
  // Made before the lock, ended after it: a point that comes to nothing takes the lock when it
  // ends.
  std::unique_ptr<hook_point_record> point;
  std::vector<std::string> remarks;
  auto added = add_point_locked(name, storage, keep_reference, vid, options, point, remarks);
  for (const std::string& remark : remarks)
    log(KHELP_LOG_WARNING, {"hook point ", to_string(name), ": ", remark});
  return added;
}

result<khelp_hhook_head*> hook_registry::add_point_locked(point_name name,
                                                          khelp_hhook_head* storage,
                                                          bool keep_reference, std::uintptr_t vid,
                                                          const head_options& options,
                                                          std::unique_ptr<hook_point_record>& point,
                                                          std::vector<std::string>& remarks) {
  lock_guard held(registry_mutex);
  name = meant(name);
  const name_in_use in_use(*this, name);
  named& at = names_[name];
  if (!at.points.empty() && (at.points.begin()->first == 0) != (vid == 0))
    return failure(EEXIST, "hook point " + to_string(name) + ": registered " +
                               (vid == 0 ? "per instance" : "for the whole process"));
  if (vid != 0 && vid != default_instance_serial && !open_instances_.contains(vid))
    return failure(EINVAL, "hook point " + to_string(name) +
                               ": an instance has points from SI_SUB_HHOOK on, until it ends");
  if (at.points.contains(vid))
    return failure(EEXIST, "hook point " + to_string(name) + ": registered already");
  if (storage != nullptr && load_acquire(storage->hhh_point) != nullptr)
    return failure(EBUSY, "hook point " + to_string(name) + ": its storage is a registered point");

  const bool own = storage == nullptr;
  if (own)
    storage = static_cast<khelp_hhook_head*>(
        ::operator new(sizeof(khelp_hhook_head), std::align_val_t(alignof(std::max_align_t))));
  *storage = khelp_hhook_head{};
  storage->hhh_type = name.type;
  storage->hhh_id = name.id;
  storage->hhh_flags = vid == 0 ? 0 : 1;
  storage->hhh_vid = vid;

  try {
    point = std::make_unique<hook_point_record>(storage, own, name, vid);
  } catch (...) {
    if (own)
      ::operator delete(storage, std::align_val_t(alignof(std::max_align_t)));
    throw;
  }
  const bool has_name = !options.words.empty();
  const bool named_pair = name.type == KHELP_HHOOK_TYPE_NAMED;
  point->words = has_name ? options.words : named_pair ? words_for(name) : to_string(name);
  point->event = options.event;
  point->fingerprint = options.fingerprint;
  point->rule = rule_of(options.flags);
  point->recursion_limit =
      options.recursion_limit == 0 ? default_recursion_limit : options.recursion_limit;
  point->when_skipped = options.when_skipped;
  point->owner_reference = keep_reference;
  point->last_set = make_set(*point, {}, false);
  point->among_ended.emplace_back();

  // Helpers that came before the point.
  naming by_name(*this, options.words, name);
  if (by_name.is_taken())
    remarks.push_back("another point has the name '" + options.words + "': hooks find that one");
  point_changes changes;
  changes.touch(*point);
  std::vector<std::shared_ptr<subscription>> early = at.wishes;
  for (const auto& wish : by_name.wishes()) {
    if (!is_wished_for(at.wishes, *wish))
      early.push_back(wish);
    else
      remarks.push_back("helper '" + wish->owner_name +
                        "' hooks it by name and by number: it is called once");
  }
  for (const auto& wish : early) {
    if (!wants(*wish, vid))
      continue;
    if (!fits(*wish, *point)) {
      remarks.push_back("helper '" + wish->owner_name +
                        "' was built for another event layout and stays off");
      continue;
    }
    if (auto done = attach(wish, *point, changes); !done)
      return std::move(done).error();
  }
  if (auto done = changes.prepare(); !done)
    return std::move(done).error();

  const std::uint64_t serial = next_serial_++;
  point->serial = serial;
  hook_point_record* record = point.get();
  auto listed = points_.emplace(serial, std::move(point)).first;
  try {
    at.points.emplace(vid, record);
  } catch (...) {
    point = std::move(listed->second);
    points_.erase(listed);
    throw;
  }
  record->registered = true;
  storage->hhh_refcount = keep_reference ? 1 : 0;
  store_release(storage->hhh_point, static_cast<void*>(record));
  by_name.commit();
  changes.commit();
  return storage;
}

}  // namespace khelp
