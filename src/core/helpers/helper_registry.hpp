// All helpers of the process: loading and unloading, all or nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <khelp/khelp.h>
#include <khelp/result.hpp>

#include "base/deadline.hpp"
#include "core/helpers/helper.hpp"
#include "core/points/hook_registry.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/publication.hpp"
#include "sync/section.hpp"

namespace khelp {

// Helpers that keep data, in load order.
struct helper_list final : published_set {
  std::vector<helper*> helpers;
  // A reader may come to a helper that has ended meanwhile: then it sees that. So nobody who ends one
  // waits for readers, who may be in another helper's constructor.
  std::vector<std::shared_ptr<helper>> kept;
};

// What a declaration of either style comes down to.
struct helper_spec {
  std::string name;
  std::uint32_t version = 0;
  std::uint32_t classes = 0;
  std::uint32_t flags = 0;
  const khelp_helper_x* native = nullptr;
  khelp_helper* bsd = nullptr;
  std::size_t data_size = 0;
  std::size_t data_align = 0;
  khelp_uma_zone_t zone = nullptr;  // the caller's; nullptr: one is made
  khelp_uma_ctor ctor = nullptr;
  khelp_uma_dtor dtor = nullptr;
  int (*mod_init)() = nullptr;
  int (*mod_destroy)() = nullptr;
  std::vector<std::shared_ptr<subscription>> wishes;  // owner, order and slot are filled in here
};

// Where a helper that is registered on this thread comes from: the loader opens one around a
// module's events.
class module_scope {
 public:
  module_scope(std::uintptr_t code_begin, std::uintptr_t code_end, std::function<void()> on_dead);
  ~module_scope();
  module_scope(const module_scope&) = delete;
  module_scope& operator=(const module_scope&) = delete;

  std::int32_t helper = 0;  // the id of the helper that was registered inside

 private:
  friend class helper_registry;
  const std::uintptr_t code_begin_;
  const std::uintptr_t code_end_;
  std::function<void()> on_dead_;
  module_scope* outer_;
};

// Helpers that are unloaded together.
using helper_batch = std::span<const std::shared_ptr<helper>>;

class helper_registry {
 public:
  helper_registry();

  result<std::int32_t> load(helper_spec spec) KHELP_EXCLUDES(registry_mutex);
  // All of them or none, with one wait for runs, in this order. Inside a section: REFUSE and REVOKE
  // disable the hooks and leave the rest to reap(). Past the limit: REFUSE and WAIT leave them as
  // they were, REVOKE leaves them to reap().
  result<void> unload(std::span<const std::int32_t> ids, int how, const deadline& limit)
      KHELP_EXCLUDES(registry_mutex);

  // Ask: EBUSY while objects hold data; else no more attachments until resume() or unload().
  result<void> quiesce(std::int32_t id) KHELP_EXCLUDES(registry_mutex);
  result<void> resume(std::int32_t id) KHELP_EXCLUDES(registry_mutex);
  result<void> drain(std::int32_t id, const deadline& limit) KHELP_EXCLUDES(registry_mutex);

  // A hook on behalf of a helper (which may be nullptr: nobody, or found by the hook's address).
  result<void> add_hook(std::shared_ptr<subscription> wish, bool strict)
      KHELP_EXCLUDES(registry_mutex);

  // A helper that nobody has begun to end, with its zone, which stays for the life of the object, and
  // with it what the helper declares, if the zone is its own.
  struct pinned_helper {
    std::shared_ptr<helper> is;  // nullptr: there is none
    khelp_uma_zone_t zone = nullptr;
    std::unique_ptr<uma::zone_pin> pin;
    pinned_helper() = default;
    pinned_helper(pinned_helper&&) = default;
    ~pinned_helper();
  };
  pinned_helper pin(std::int32_t id) KHELP_EXCLUDES(registry_mutex);

  std::int32_t id_of(const char* name) KHELP_EXCLUDES(registry_mutex);
  std::int32_t id_of(const khelp_helper* bsd) KHELP_EXCLUDES(registry_mutex);
  result<void> describe(std::int32_t id, khelp_helper_description& into)
      KHELP_EXCLUDES(registry_mutex);
  void for_each(const std::function<void(const helper&)>& fn) KHELP_REQUIRES(registry_mutex);

  void note_classes(std::uint32_t classes) noexcept;
  bool knows_classes(std::uint32_t classes) const noexcept;

  // The list of helpers that keep data, for the life of the object.
  class reader {
   public:
    explicit reader(helper_registry& registry)
        : section_(&registry.place_, &registry.current_, registry.deep_, nullptr) {}
    const std::vector<helper*>& in_load_order() const {
      static const std::vector<helper*> none;
      const auto* list = section_.set<helper_list>();
      return list != nullptr ? list->helpers : none;
    }

   private:
    any_section section_;
  };

  // The process ends, and with it the static objects of modules: their helpers' hooks are off, and
  // those that lie in a module; no object gets data of theirs, and no destructor of theirs is called.
  // Nothing of a module is registered any more. Waits for other threads' runs, at most so long.
  // False: some are not over.
  bool stop_modules(std::span<const module_range> modules, std::int64_t timeout_ns)
      KHELP_EXCLUDES(registry_mutex);

  // In the child of a fork: what other threads had in hand is in nobody's. Loads and unloads that
  // they had begun are for finish_unloads(), what they were deciding is as it was before, and objects
  // they were giving data to or taking it from hold none.
  void forget_other_threads() noexcept KHELP_REQUIRES(registry_mutex);
  // In the child of a fork: the list has no deep readers.
  void forget_deep_readers() noexcept { forget_deep(deep_); }

  // Unloads that are in nobody's hands: begun inside hooks, or by threads that a fork left behind.
  // Returns how many still wait.
  unsigned finish_unloads() noexcept;
  // Wait while other threads are in there. False: this very thread has a helper in hand.
  bool wait_for_finishers() KHELP_EXCLUDES(registry_mutex);
  // Whether the helper is loaded, and nobody has begun to end it.
  bool is_whole(std::int32_t id) KHELP_EXCLUDES(registry_mutex);

 private:
  std::shared_ptr<helper> find(std::int32_t id) KHELP_EXCLUDES(registry_mutex);
  helper* owner_of(const khelp_hookinfo& hook) KHELP_REQUIRES(registry_mutex);
  result<std::shared_ptr<helper>> reserve(const helper_spec& spec) KHELP_EXCLUDES(registry_mutex);
  result<void> go_live(helper& h, std::vector<std::shared_ptr<subscription>>& wishes,
                       std::vector<std::string>& waiting_for) KHELP_EXCLUDES(registry_mutex);
  void strike(const helper& h) noexcept KHELP_REQUIRES(registry_mutex);
  void discard(helper& h) KHELP_EXCLUDES(registry_mutex);
  std::unique_ptr<helper_list> list_with(const helper* added, helper_batch removed)
      KHELP_REQUIRES(registry_mutex);
  void fill(helper_list& list, const helper* added, helper_batch removed)
      KHELP_REQUIRES(registry_mutex);
  void publish(std::unique_ptr<helper_list> list) noexcept KHELP_REQUIRES(registry_mutex);
  // Decide that helpers go: they are helper_checking then, and the caller's alone. A failure leaves
  // them to the others.
  result<void> claim(helper_batch batch, int how, const deadline& limit)
      KHELP_EXCLUDES(registry_mutex);
  // Of helpers that are helper_checking: no object holds their data, and none gets any until they rest.
  static result<void> check_free_for_good(helper_batch batch) KHELP_EXCLUDES(registry_mutex);
  // Wait until no object holds their data; they attach no more meanwhile. Then, before one could,
  // call `then` for each with registry_mutex held.
  result<void> drain(helper_batch batch, const deadline& limit, void (*then)(helper&))
      KHELP_EXCLUDES(registry_mutex);
  // Take their hooks off everywhere and wait for the runs that may call them: all of them, or none.
  // A failure leaves them as they were.
  result<void> take_hooks_off(helper_batch batch, int how, run_wait& wait)
      KHELP_EXCLUDES(registry_mutex);
  // Without memory for it, the next cold call tries again.
  void put_hooks_back(helper_batch batch) noexcept KHELP_EXCLUDES(registry_mutex);
  void put_hooks_back(helper& h) noexcept KHELP_REQUIRES(registry_mutex);
  // They go: no hook, no wish, not on the list. The readers of each are in its `readers` then.
  // What that needs is had before hooks are off, which putting them back would need memory for.
  struct memory_to_disable {
    std::vector<std::unique_ptr<reader_wait>> readers;
    std::unique_ptr<helper_list> list;
  };
  memory_to_disable prepare_to_disable(helper_batch batch) KHELP_EXCLUDES(registry_mutex);
  result<void> disable(helper_batch batch, memory_to_disable memory) KHELP_EXCLUDES(registry_mutex);
  // Who claimed them could not end them in time: whoever reaps will.
  void leave_behind(helper_batch batch) noexcept KHELP_EXCLUDES(registry_mutex);
  // The next in load order, after `order`, to be ended by whoever asks; nullptr: none.
  std::shared_ptr<helper> take_unfinished(std::uint64_t order) KHELP_EXCLUDES(registry_mutex);
  void give_back(helper& h) noexcept KHELP_EXCLUDES(registry_mutex);
  void bury(helper& h) KHELP_EXCLUDES(registry_mutex);

  std::vector<std::shared_ptr<helper>> helpers_ KHELP_GUARDED_BY(registry_mutex);  // load order
  // The same by their names, of which zombies may have one together.
  std::unordered_multimap<std::string_view, const helper*> by_name_
      KHELP_GUARDED_BY(registry_mutex);
  std::uint64_t next_order_ KHELP_GUARDED_BY(registry_mutex) = 1;
  bool modules_stopped_ KHELP_GUARDED_BY(registry_mutex) = false;
  condition finished_;  // somebody has let go of a helper in finish_unloads()

  void* current_ = nullptr;  // until there is a first one
  deep_runs deep_ = {};
  publication place_;
};

helper_registry& the_helpers();

}  // namespace khelp
