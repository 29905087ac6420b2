// A hook list and what is on it.
//
// A list publishes an array of its hooks; a run uses the array it found, as far as it was filled
// then. A hook that is added goes into the array's spare room, where no run looks; when there is
// none, an array with twice the room is published. Whether a hook of the array still runs is a word
// of the hook itself, so that removing one (also by the run that takes it) needs no memory and
// reaches runs that are under way. Each call of a hook is a section
// of its own, inside the run's: a removal waits for its hook alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <khelp/hook_list.h>

#include "base/leftovers.hpp"
#include "sync/publication.hpp"
#include "sync/word.hpp"

namespace khelp {

// One registration. Constant but for its state.
class listed_hook {
 public:
  listed_hook(std::uint64_t number, const khelp_hook_x& x);
  listed_hook(const listed_hook&) = delete;
  listed_hook& operator=(const listed_hook&) = delete;

  const std::uint64_t serial;
  const khelp_hook_callback_t callback;
  const khelp_hook_proc_callback_t proc_callback;
  void* const pointer;
  void* const arg;
  char name[sizeof khelp_hook_info::name] = {};

  khelp_hook* handle() const noexcept;

  // Neither removed nor suspended. Asked inside a section of the hook.
  bool runs() const noexcept;
  bool is_removed() const noexcept;
  bool is_suspended() const noexcept;
  // True for exactly one of all who remove it.
  bool remove() noexcept;
  // The same for a run that is going to call it: not when it was suspended meanwhile.
  bool take() noexcept;
  void suspend() noexcept;
  // False: it was not suspended.
  bool resume() noexcept;
  bool leads_into(const module_range& module) const noexcept;
  // No thread is inside and none will enter. The first call tells the owner of `arg`.
  void release_once() noexcept;

  std::atomic<std::uint64_t> exceptions{0};
  deep_runs deep = {};  // sections of it that found no room in their thread's record
  std::uint32_t deep_when_leaving = 0;  // a mark of these; guarded by registry_mutex
  // Of those that are off their list. Guarded by registry_mutex.
  std::shared_ptr<listed_hook> next_leaving;

 private:
  void (*const release_)(void* arg);
  std::uint32_t state_ = 0;
  std::uint32_t released_ = 0;
};

using hook_array = std::vector<std::shared_ptr<listed_hook>>;

// In order of registration, and so of serials.
class listed_hooks final : public published_set {
 public:
  explicit listed_hooks(std::size_t room)
      : room_(room), hooks_(std::make_unique<std::shared_ptr<listed_hook>[]>(room)) {}

  // Those that are in it now. A run asks once.
  std::span<const std::shared_ptr<listed_hook>> hooks() const noexcept {
    return {hooks_.get(), load_acquire(count_)};
  }
  // Under registry_mutex, as add().
  bool has_room() const noexcept { return count_ < room_; }
  // Seen by runs that begin after it, also when the array is published already.
  void add(std::shared_ptr<listed_hook> hook) noexcept {
    hooks_[count_] = std::move(hook);
    store_release(count_, count_ + 1);
  }

 private:
  const std::size_t room_;
  std::size_t count_ = 0;
  const std::unique_ptr<std::shared_ptr<listed_hook>[]> hooks_;
};

}  // namespace khelp

// The contract's opaque type.
struct khelp_hook_list {
  explicit khelp_hook_list(const char* words);
  khelp_hook_list(const khelp_hook_list&) = delete;
  khelp_hook_list& operator=(const khelp_hook_list&) = delete;

  char name[128] = {};
  void* hooks = nullptr;                     // the published khelp::listed_hooks
  khelp::deep_runs deep = {};                // runs that found no room in their thread's record
  std::uint32_t deep_when_ended = 0;         // a mark of these; guarded by registry_mutex
  std::atomic<const void*> runner{nullptr};  // the thread of the KHELP_HOOK_ALONE run
  std::atomic<bool> untidy{false};           // a hook of the array is removed
  std::uint32_t enders = 0;  // threads that wait for its runs to end; guarded by registry_mutex
  khelp::publication place;
};
