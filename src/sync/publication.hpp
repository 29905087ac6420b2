// Publishing immutable sets to readers that take no lock, and knowing when nobody uses an old one.
//
// A publication is a place where the current set stands (a hook point's hooks, the list of
// helpers). A reader opens a section for the place and loads the set; the section says which set it
// uses. A writer exchanges the set, then either waits until no section uses an older one, or leaves
// the older one on the place's list of retired sets for a later call to free.
//
// A hot reader cannot starve a writer: sections that use the new set are not waited for. A sleeping
// reader delays only those who wait for its place.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sync/barrier.hpp"
#include "sync/mutex.hpp"
#include "sync/run_wait.hpp"
#include "sync/thread_record.hpp"

namespace khelp {

// The mutex under which everything cold changes: registries, publications, retired sets.
extern mutex registry_mutex;

class publication;

// What is published. Derived classes add the contents, and never change what a section may look at.
struct published_set {
  virtual ~published_set() = default;

  // Of a retired set; changed under registry_mutex.
  published_set* retired_next = nullptr;
  publication* place = nullptr;         // nullptr: the place has ended
  std::uint32_t waiters = 0;            // writers that wait for it: it stays until they are done
  bool quiescent = false;               // no section uses it
  bool seen_in_use = false;             // by the look of free_quiescent_sets() that goes on
  std::uint32_t deep_when_retired = 0;  // a mark of the place's deep sections
};

// The writers' side of a place. The readers' side is the address given to it: readers name the
// place by `key`, load the set from `current`, and count themselves in `deep` when their record has
// no room.
class publication {
 public:
  publication(const void* key, void** current, deep_runs& deep)
      : key_(key), current_(current), deep_(&deep) {}
  publication(const publication&) = delete;
  publication& operator=(const publication&) = delete;

  const void* key() const { return key_; }

  // Make `next` current and retire the one before.
  void publish(published_set* next) KHELP_REQUIRES(registry_mutex);

  published_set* current() const KHELP_REQUIRES(registry_mutex);
  bool has_retired() const KHELP_REQUIRES(registry_mutex) { return retired_ != nullptr; }
  template <class Fn>
  void for_each_retired(Fn fn) const KHELP_REQUIRES(registry_mutex) {
    for (published_set* set = retired_; set != nullptr; set = set->retired_next)
      fn(*set);
  }

  // The readers' side is its owner's again, who may be about to free it, while sections of the place are
  // open: nothing is current, and the memory is not looked at any more. Whether one of them is deep is
  // then asked of the deep sections of all places.
  void let_go() KHELP_REQUIRES(registry_mutex);

  // The end of the place. Whoever ends it knows that no section uses any of its sets. Those that
  // somebody still waits for (with sets of other places) go when they are done; nobody looks at the
  // readers' side any more.
  void end() KHELP_REQUIRES(registry_mutex);

 private:
  friend class reader_wait;
  friend void for_each_retired(const std::function<void(const published_set&)>& fn);
  friend unsigned free_quiescent_sets() noexcept;
  friend void forget_deep_readers();

  // Whether the deep sections that may use a retired set have closed.
  static bool deep_readers_left(const published_set& set) KHELP_REQUIRES(registry_mutex);
  // One who waited for a retired set is done; quiescent: it saw that no section uses the set.
  static void drop_waiter(published_set& set, bool quiescent) KHELP_REQUIRES(registry_mutex);
  void forget(published_set& set) KHELP_REQUIRES(registry_mutex);
  void unlist() KHELP_REQUIRES(registry_mutex);

  const void* key_;
  void** current_;
  deep_runs* deep_;
  void* nothing_ = nullptr;  // what is current when the place was let go
  published_set* retired_ KHELP_GUARDED_BY(registry_mutex) = nullptr;
  publication* next_ KHELP_GUARDED_BY(registry_mutex) = nullptr;  // all places with retired sets
  bool listed_ KHELP_GUARDED_BY(registry_mutex) = false;
};

// Which retired sets. It borrows the function for the length of a call: asking needs no memory, which a
// std::function may.
class set_filter {
 public:
  template <class Fn>
  set_filter(const Fn& wanted) noexcept
      : wanted_(&wanted), ask_([](const void* fn, const published_set& set) -> bool {
          return (*static_cast<const Fn*>(fn))(set);
        }) {}
  bool operator()(const published_set& set) const { return ask_(wanted_, set); }

 private:
  const void* wanted_;
  bool (*ask_)(const void* fn, const published_set& set);
};

// A wait for the readers of sets that are retired, over any number of places: one barrier for all.
//
//   { lock; wait.prepare(how many sets the change retires, wanted); change and publish;
//     wait.include(wanted); unlock }
//   wait.finish();
//
// Who removes something waits for the sets that had it, and for no others: what else was taken out of
// a place earlier, and may be in use for long, is not his.
class reader_wait {
 public:
  reader_wait() = default;
  reader_wait(const reader_wait&) = delete;
  reader_wait& operator=(const reader_wait&) = delete;
  ~reader_wait();

  // The sets are of any place, ending ones included: what somebody else took out earlier may be in use
  // still. Those that are known to be in no use are left out.
  //
  // Room for those that are retired now and for `more`; throws std::bad_alloc. Call before changing
  // anything.
  void prepare(std::size_t more, set_filter wanted) KHELP_REQUIRES(registry_mutex);
  // Wait for those that are retired now. There is room: nothing fails.
  void include(set_filter wanted) noexcept KHELP_REQUIRES(registry_mutex);

  // Called without the mutex. refused: nothing is known, and the sets are kept for ever. too_late:
  // they are waited for still; it can be called again.
  [[nodiscard]] waited finish(run_wait& wait) KHELP_EXCLUDES(registry_mutex);
  // Several with one barrier.
  [[nodiscard]] static waited finish_all(std::span<reader_wait* const> waits, run_wait& wait)
      KHELP_EXCLUDES(registry_mutex);
  // The same without waiting: false when somebody is still inside, or when nothing can be known.
  [[nodiscard]] bool try_finish() KHELP_EXCLUDES(registry_mutex);
  // Whether no thread but this one is inside. False also when nothing can be known.
  [[nodiscard]] bool is_ours_alone() const KHELP_EXCLUDES(registry_mutex);

 private:
  // The place of a set may end meanwhile; its key may then be another place's.
  struct target {
    published_set* set;
    const void* key;
  };
  bool uses_old(const section_words& words) const;
  // After the barrier.
  bool wait_for_readers(run_wait& wait) const KHELP_EXCLUDES(registry_mutex);
  bool deep_readers_left() const KHELP_EXCLUDES(registry_mutex);
  void release(bool quiescent) KHELP_EXCLUDES(registry_mutex);

  std::vector<target> targets_;
  std::size_t prepared_ = 0;
};

// Every retired set that is still kept.
void for_each_retired(const std::function<void(const published_set&)>& fn)
    KHELP_REQUIRES(registry_mutex);

// Free retired sets that no section uses, without waiting. Returns how many remain.
unsigned free_quiescent_sets() noexcept KHELP_EXCLUDES(registry_mutex);

// In the child of a fork: the places with retired sets have no deep sections.
void forget_deep_readers() KHELP_REQUIRES(registry_mutex);

}  // namespace khelp
