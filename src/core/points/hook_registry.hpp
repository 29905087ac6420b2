// All points and all subscriptions of the process, and the changes that bring one to the other.
//
// Every change is prepared completely (memory, order, constraints) before anything is published, so
// that it happens at every point it concerns or at none.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <khelp/hhook.h>
#include <khelp/module.h>
#include <khelp/result.hpp>

#include "base/leftovers.hpp"
#include "core/points/ordering.hpp"
#include "core/points/subscription.hpp"
#include "sync/publication.hpp"

namespace khelp {

struct point_name {
  std::int32_t type;
  std::int32_t id;
  bool operator==(const point_name&) const = default;
};
struct point_name_hash {
  std::size_t operator()(const point_name& n) const {
    return std::hash<std::uint64_t>()((std::uint64_t{static_cast<std::uint32_t>(n.type)} << 32) ^
                                      static_cast<std::uint32_t>(n.id));
  }
};
std::string to_string(const point_name& name);

// The instance that is there from the start.
inline constexpr std::uint64_t default_instance_serial = 1;

// The registry's part of a hook point; the head is the part users see.
class hook_point_record {
 public:
  hook_point_record(khelp_hhook_head* storage, bool own, point_name n, std::uintptr_t vid);
  ~hook_point_record();
  // No run is inside.
  void end() KHELP_REQUIRES(registry_mutex);
  // Runs may be inside, and the caller has its storage back: it is not touched from now on.
  void let_go() KHELP_REQUIRES(registry_mutex);
  // Whether runs may be inside a point that has been taken off the registry.
  bool is_in_use() const noexcept KHELP_REQUIRES(registry_mutex);

  khelp_hhook_head* head;    // nullptr: the caller's, and let go
  std::uint64_t serial = 0;  // order of registration
  const bool owns_head;
  const point_name name;
  const std::uintptr_t vid;  // 0: not virtualised
  std::string words;         // for people: its name or, if it has none, "type/id"
  std::string event;
  std::uint64_t fingerprint = 0;
  result_rule rule = result_rule::ignore;
  std::uint32_t recursion_limit = 8;
  std::int32_t when_skipped = 0;

  std::uint32_t user_references = 0;  // of khelp_hhook_head_get()
  bool owner_reference = false;       // the registrant kept its pointer
  bool registered = false;
  attachment_list hooks;  // in running order
  publication place;

  // What its removal needs, so that no removal fails for want of memory: the set that is published
  // last, and a place among the points that ended.
  std::unique_ptr<hook_set> last_set;
  std::list<std::unique_ptr<hook_point_record>> among_ended;
  std::uint32_t deep_when_ended = 0;  // a mark of its deep runs
};

// New sets for some points, prepared together.
class point_changes {
 public:
  void add(hook_point_record& point, std::shared_ptr<hook_attachment> hook);
  void remove(hook_point_record& point, const hook_attachment& hook);
  void touch(hook_point_record& point);  // same hooks, new set

  // Order and allocate. After success commit() cannot fail.
  result<void> prepare() KHELP_REQUIRES(registry_mutex);
  // Publish all.
  void commit() KHELP_REQUIRES(registry_mutex);

  bool empty() const { return next_.empty(); }
  // How many points change, and so how many sets commit() retires at most.
  std::size_t size() const { return next_.size(); }

 private:
  struct next_state {
    attachment_list hooks;
    attachment_list removed;
    std::unique_ptr<hook_set> set;
  };
  next_state& state_of(hook_point_record& point);

  std::map<hook_point_record*, next_state> next_;
};

class hook_registry {
 public:
  struct head_options {
    std::uint32_t flags = 0;
    std::string words;
    std::string event;
    std::uint64_t fingerprint = 0;
    std::uint32_t recursion_limit = 0;
    std::int32_t when_skipped = 0;
    const khelp_modinfo_fields* fields = nullptr;
  };

  // ---- points ----
  result<khelp_hhook_head*> add_point(point_name name, khelp_hhook_head* storage,
                                      bool keep_reference, std::uintptr_t vid,
                                      const head_options& options) KHELP_EXCLUDES(registry_mutex);
  // again: also one whose removal waits for runs still, because the time of that call was over.
  result<void> remove_point(khelp_hhook_head* head, bool again, run_wait& wait)
      KHELP_EXCLUDES(registry_mutex);
  result<void> remove_point(point_name name, std::uintptr_t vid, run_wait& wait)
      KHELP_EXCLUDES(registry_mutex);
  hook_point_record* find(point_name name, std::uintptr_t vid) KHELP_REQUIRES(registry_mutex);
  khelp_hhook_head* get(point_name name, std::uintptr_t vid) KHELP_EXCLUDES(registry_mutex);
  void release(khelp_hhook_head* head) KHELP_EXCLUDES(registry_mutex);

  // ---- instances ----
  // Points may be registered in it from now on.
  void open_instance(std::uintptr_t vid) KHELP_EXCLUDES(registry_mutex);
  // No more; those that are left are reported and removed, whatever references remain.
  void close_instance(std::uintptr_t vid) noexcept KHELP_EXCLUDES(registry_mutex);
  // From now on the hooks of helpers of this name are at these instances' points only; no list: at
  // all. Points of no instance are not concerned.
  using instance_list = std::set<std::uintptr_t>;
  result<void> limit(const std::string& helper_name, std::optional<instance_list> instances)
      KHELP_EXCLUDES(registry_mutex);

  // ---- subscriptions ----
  // Attach to all points it wants. strict: ENOENT when there is none.
  result<void> subscribe(std::shared_ptr<subscription> wish, bool strict)
      KHELP_REQUIRES(registry_mutex);
  // The parts of a helper's load: plan every wish, check, prepare once, then commit and keep.
  result<void> plan(const std::shared_ptr<subscription>& wish, point_changes& changes)
      KHELP_REQUIRES(registry_mutex);
  // ELOOP when the constraints of newcomers form a cycle with those of the wishes that are kept,
  // though their point may not be registered: the newcomers are refused then, not the point later.
  result<void> check_order(const std::vector<std::shared_ptr<subscription>>& newcomers)
      KHELP_REQUIRES(registry_mutex);
  void keep(std::shared_ptr<subscription> wish) KHELP_REQUIRES(registry_mutex);
  // Room for `more` wishes at this one's point, so that keep() cannot fail.
  void reserve_wishes(const subscription& wish, std::size_t more) KHELP_REQUIRES(registry_mutex);

  // Take off the first hook that matches, at one point.
  result<std::uint32_t> remove_hook(khelp_hhook_head* head, const khelp_hookinfo& which,
                                    run_wait& wait) KHELP_EXCLUDES(registry_mutex);
  std::shared_ptr<subscription> wish_that_is_off(const hook_point_record& point,
                                                 const khelp_hookinfo& which)
      KHELP_REQUIRES(registry_mutex);
  // Everywhere, and the wish itself.
  result<std::uint32_t> unsubscribe(const khelp_hookinfo& which, run_wait& wait)
      KHELP_EXCLUDES(registry_mutex);
  // All hooks of a helper: plan their removal, and remember them at the helper. After commit,
  // forget() its wishes, or, if it stays after all, plan their return.
  void plan_removal(hook_owner& owner, point_changes& changes) KHELP_REQUIRES(registry_mutex);
  result<void> plan_return(hook_owner& owner, point_changes& changes)
      KHELP_REQUIRES(registry_mutex);
  void forget(const hook_owner& owner) KHELP_REQUIRES(registry_mutex);
  // Whether a run that uses this retired set may call a hook of the helper.
  static bool has_hook_of(const hook_owner& owner, const published_set& retired);
  static bool has_hook_of(const std::string& owner_name, const published_set& retired);

  // Every hook that `picked` says, off every point, and the wishes for them: all of them, or none. Who
  // may still call them is in `wait`, those who call hooks that were removed earlier included.
  using wish_filter = std::function<bool(const subscription&)>;
  result<void> remove_all(const wish_filter& picked, reader_wait& wait)
      KHELP_REQUIRES(registry_mutex);

  // ---- what a module has left (leftovers.hpp) ----
  void take_off_hooks(const module_range& module, leftovers& found) KHELP_EXCLUDES(registry_mutex);
  void take_off_points(const module_range& module, leftovers& found) KHELP_EXCLUDES(registry_mutex);

  // ---- hooks ----
  // A hook threw: skip it from now on, at this point. On the thread that runs it.
  void suspend(const hook_set& set, std::size_t index, khelp_hhook_head& head) noexcept;
  result<void> resume(const khelp_hookinfo& which) KHELP_EXCLUDES(registry_mutex);
  // The hooks of a helper at the points of these words (nullptr: at all); how many that changed.
  result<std::uint32_t> set_suspended(bool suspended, const std::string& helper_name,
                                      const char* point_words) KHELP_EXCLUDES(registry_mutex);
  result<void> set_timing(bool on) KHELP_EXCLUDES(registry_mutex);
  bool timing() const KHELP_REQUIRES(registry_mutex) { return timing_; }

  // The pair of a name: that of the first point registered under it, or one of the names' own.
  result<point_name> pair_for(const std::string& words) KHELP_EXCLUDES(registry_mutex);
  std::string words_for(point_name name) KHELP_REQUIRES(registry_mutex);

  // No point of its name is registered.
  bool waits_for_its_point(const subscription& wish) KHELP_REQUIRES(registry_mutex);

  // For statistics.
  bool is_attached(const subscription& wish) KHELP_REQUIRES(registry_mutex);
  // Of a wish that is at no point: its state, and why in words.
  std::pair<khelp_hook_state, std::string> why_nowhere(const subscription& wish)
      KHELP_REQUIRES(registry_mutex);
  void for_each_point(const std::function<void(const hook_point_record&)>& fn)
      KHELP_REQUIRES(registry_mutex);
  // Those that have ended and are waited for as well.
  void for_each_point_with_ends(const std::function<void(const hook_point_record&)>& fn)
      KHELP_REQUIRES(registry_mutex);
  void for_each_wish(const std::function<void(const subscription&)>& fn)
      KHELP_REQUIRES(registry_mutex);

  // Points that ended inside a hook, or are still referenced: free those nobody needs any more.
  unsigned bury_points() noexcept KHELP_EXCLUDES(registry_mutex);

 private:
  struct named {
    std::unordered_map<std::uintptr_t, hook_point_record*> points;  // by instance
    std::vector<std::shared_ptr<subscription>> wishes;
  };
  class name_in_use;
  // Lists, so that what ends can be moved without memory.
  using point_list = std::list<std::unique_ptr<hook_point_record>>;
  // A point whose removal has begun: it is off the registry, and nobody else ends it.
  struct removal {
    point_list point;
    attachment_list hooks;  // that were on it
  };

  result<khelp_hhook_head*> add_point_locked(point_name name, khelp_hhook_head* storage,
                                             bool keep_reference, std::uintptr_t vid,
                                             const head_options& options,
                                             std::unique_ptr<hook_point_record>& point,
                                             std::vector<std::string>& remarks)
      KHELP_EXCLUDES(registry_mutex);
  // Whether a point may be taken off.
  static result<void> check_removal(const hook_point_record* point) KHELP_REQUIRES(registry_mutex);
  // Take it off the registry.
  void begin_removal(hook_point_record& point, removal& into) noexcept
      KHELP_REQUIRES(registry_mutex);
  // Wait for its runs, unless inside one, and end it; else its memory stays.
  waited finish_removal(removal& r, run_wait& wait) noexcept KHELP_EXCLUDES(registry_mutex);
  // The answer.
  static result<void> outcome_of(waited removal, const run_wait& wait)
      KHELP_EXCLUDES(registry_mutex);
  bool take_leftover(std::uintptr_t vid, removal& into) noexcept KHELP_EXCLUDES(registry_mutex);
  void forget_name_if_unused(point_name name) KHELP_REQUIRES(registry_mutex);
  // The pair that is meant: one handed out for a name may have become another one's since.
  point_name meant(point_name name) const KHELP_REQUIRES(registry_mutex);
  point_name place_of(const subscription& wish) const KHELP_REQUIRES(registry_mutex) {
    return meant({wish.info.hook_type, wish.info.hook_id});
  }
  class naming;
  static bool is_wished_for(std::span<const std::shared_ptr<subscription>> wishes,
                            const subscription& wish);
  // Whether a wish is for this instance, and its helper may be there.
  bool wants(const subscription& wish, std::uintptr_t vid) const KHELP_REQUIRES(registry_mutex);
  bool may_be_in(const std::string& helper_name, std::uintptr_t vid) const
      KHELP_REQUIRES(registry_mutex);
  static bool fits(const subscription& wish, const hook_point_record& point);
  result<void> plan_limit(const std::string& helper_name, point_changes& changes)
      KHELP_REQUIRES(registry_mutex);
  result<void> attach(const std::shared_ptr<subscription>& wish, hook_point_record& point,
                      point_changes& changes) KHELP_REQUIRES(registry_mutex);

  std::unordered_map<point_name, named, point_name_hash> names_ KHELP_GUARDED_BY(registry_mutex);
  std::map<std::uint64_t, std::unique_ptr<hook_point_record>> points_  // by serial
      KHELP_GUARDED_BY(registry_mutex);
  std::uint64_t next_serial_ KHELP_GUARDED_BY(registry_mutex) = 1;
  point_list ended_ KHELP_GUARDED_BY(registry_mutex);
  instance_list open_instances_ KHELP_GUARDED_BY(registry_mutex);
  std::map<std::string, instance_list> limits_ KHELP_GUARDED_BY(registry_mutex);        // by helper
  std::unordered_map<std::string, point_name> pairs_ KHELP_GUARDED_BY(registry_mutex);  // by name
  std::vector<const std::string*> named_ KHELP_GUARDED_BY(registry_mutex);  // by id of TYPE_NAMED
  // Pairs that were handed out for a name before a point with a pair of its own had it.
  std::unordered_map<point_name, point_name, point_name_hash> meanings_
      KHELP_GUARDED_BY(registry_mutex);
  bool timing_ KHELP_GUARDED_BY(registry_mutex) = false;
};

// The process's registry; never destroyed (threads outlive static destructors).
hook_registry& the_hooks();

// Run the hooks that a section of the point has found (hhook_run.cpp). depth: how often this thread
// was inside the point before.
class any_section;
int run_found(const any_section& section, std::uint32_t depth, khelp_hhook_head& head, void* ctx,
              khelp_osd* hosd);

// The timed form of a hook call (hhook_run.cpp): its udata is the attachment.
int run_timed_hook(std::int32_t type, std::int32_t id, void* udata, void* ctx, void* hdata,
                   khelp_osd* hosd);

}  // namespace khelp
