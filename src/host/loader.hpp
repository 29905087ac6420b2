// The module files of this process, and the only way in and out.
//
// A file's state changes under the loader's mutex; whoever moved it to LOADING, DRAINING or GOING
// works on it alone, without the mutex, because that work calls the module. Loads take turns (a
// load by the thread whose turn it is, from a module's init, is a dependency load); unloads do not,
// they are ordered by the state of their file.
#pragma once

#include <cstdint>
#include <memory>
#include <pthread.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <khelp/linker.h>
#include <khelp/loader.h>
#include <khelp/result.hpp>

#include "core/instances/startup.hpp"
#include "host/file_copy.hpp"
#include "host/load_plan.hpp"
#include "host/mapping.hpp"
#include "host/module_instance.hpp"
#include "sync/mutex.hpp"
#include "sync/turn.hpp"

namespace khelp {

using load_parameters = std::vector<std::pair<std::string, std::string>>;

struct load_request {
  std::string name;
  std::string path_first;
  load_parameters parameters;
  std::vector<std::string> libraries = {};  // that may be brought in
  bool by_path = false;                     // map the file itself, not a sealed copy
  bool partial = false;                     // a file stays when some of its modules have started
  std::uint32_t most_zombies = KHELP_MOST_ZOMBIES;  // of one module
};

/// How to unload: what happens to objects (KHELP_UNLOAD_REFUSE, ...), and the flags beside that.
struct unload_request {
  int how = KHELP_UNLOAD_REFUSE;
  bool force = false;      // answers to the question whether it may go do not count
  bool when_free = false;  // files that need it are no refusal: it goes with the last of them
  std::int64_t timeout_ns = KHELP_TIMEOUT_DEFAULT;
};

/// The program itself, in the numbering of files.
inline constexpr std::int32_t program_file = 1;

/// A module in the numbering of modules.
struct registered_module {
  std::int32_t id;  // counts up, never reused
  std::string name;
  bool there;           // until its start failed, or it has been stopped
  std::int32_t helper;  // that it registered; 0: none
};

/// A module file. `state` and what is marked (m) belong to the loader's mutex; the rest to whoever
/// brought the file into its state.
struct loaded_file {
  std::int32_t id = 0;
  khelp_module_state state = KHELP_MODULE_LOADING;      // (m)
  unsigned dependants = 0;                              // (m) files that stand on this one
  unsigned userrefs = 0;                                // (m) 1: by khelp_load(), not for others
  std::vector<std::shared_ptr<loaded_file>> stands_on;  // (m) and keeps in place
  std::vector<registered_module> registered;            // (m) in the order of their start
  std::vector<std::shared_ptr<loaded_file>> stood_on;   // (m) of a zombie: whose code its may call
  std::string reason;      // (m) of a zombie, of being permanent; what is amiss
  bool started = false;    // (m) a LOADING one that its own turn may use
  bool unneeded = false;   // (m) who it was loaded for is gone
  bool forced = false;     // (m) its unload: as told, or as that of who it was loaded for
  bool busy = true;        // (m) `worker` works on it
  pthread_t worker = {};   // (m)
  bool bound = false;      // (m) `modules` is complete
  bool finishing = false;  // (m) the work is the last of its unload
  bool orphaned = false;   // (m) whoever had it in work is not in this child of a fork

  // Constant once it is listed.
  std::string name;
  std::string path;
  std::uint32_t version = 0;
  std::uint32_t personality = 0;
  std::uint64_t bytes = 0;
  bool permanent = false;         // it is never unmapped once it is mapped
  bool look_for_threads = false;  // it may have started some, which can be told
  bool kept_for_ever = false;     // as a zombie it is not looked at again
  std::string if_kept;            // the reason, should the code stay
  std::string if_cut_off = "a fork cut off its load or unload, which another thread was at";
  std::vector<offered_interface> offers;
  std::string soname;  // the linker's name for it when others are linked with it
  std::shared_ptr<const std::vector<elf_export>> exports;

  std::vector<std::string> brought_in;  // libraries that came with it

  file_copy copy;  // open as long as the code is mapped: its path is the linker's name for it
  mapping code;
  std::vector<module_instance> modules;   // in the order of their start, as `registered`
  std::unique_ptr<file_startup> startup;  // its start and end functions
  std::string amiss;                      // modules that did not start, in words
  int how = KHELP_UNLOAD_REFUSE;          // of the unload
  bool ended = false;                     // nothing of it runs: what is left is its code
  bool late = false;         // a revoke waited too long for its runs: a zombie until then
  bool cut_off = false;      // by a fork, in the middle of its start or its end
  bool load_failed = false;  // it goes for that
};

class loader {
 public:
  loader();

  result<std::int32_t> load(const load_request& request) KHELP_EXCLUDES(mutex_);
  result<void> unload(std::int32_t id, const unload_request& request) KHELP_EXCLUDES(mutex_);
  /// The id of the file; -1: none.
  std::int32_t find(std::string_view module) KHELP_EXCLUDES(mutex_);

  /// One line of the listing. A DEAD file is listed once, or until the next load.
  struct listing {
    khelp_module_info info;
    std::string name, path, reason, held_by;
  };
  std::vector<listing> list() KHELP_EXCLUDES(mutex_);

  /// What a load would do, as things are now.
  result<load_plan> plan(const load_request& request) KHELP_EXCLUDES(mutex_);

  // By number (khelp/linker.h). ENOENT: nothing has this number or name.
  result<std::int32_t> file_after(std::int32_t id) KHELP_EXCLUDES(mutex_);
  result<std::int32_t> file_named(std::string_view name) KHELP_EXCLUDES(mutex_);
  result<void> describe(std::int32_t id, khelp_kld_info& into) KHELP_EXCLUDES(mutex_);
  result<symbol_place> find_symbol(std::int32_t id, const char* symbol) KHELP_EXCLUDES(mutex_);
  result<std::int32_t> newest_module(std::int32_t id) KHELP_EXCLUDES(mutex_);
  result<std::int32_t> module_after(std::int32_t id) KHELP_EXCLUDES(mutex_);
  result<std::int32_t> module_before_in_file(std::int32_t id) KHELP_EXCLUDES(mutex_);
  result<std::int32_t> module_named(std::string_view name) KHELP_EXCLUDES(mutex_);
  result<void> describe_module(std::int32_t id, khelp_mod_info& into) KHELP_EXCLUDES(mutex_);

  /// The process ends: load and unload nothing more, take the modules' hooks off, tell all modules,
  /// the last one loaded first.
  void shut_down() noexcept KHELP_EXCLUDES(mutex_);

  /// Finish what could not be finished at once. Returns how many files still wait.
  unsigned reap() KHELP_EXCLUDES(mutex_);

  void before_fork() KHELP_ACQUIRE(mutex_);
  void after_fork_in_parent() KHELP_RELEASE(mutex_);
  void after_fork_in_child() KHELP_RELEASE(mutex_);

 private:
  using file = std::shared_ptr<loaded_file>;

  /// hindrance: a file whose end, which another thread works on, is all that speaks against it.
  result<std::int32_t> load_in_turn(const load_request& request, const load_policy& policy,
                                    std::int32_t& hindrance) KHELP_EXCLUDES(mutex_);
  bool wait_for_the_end_of(std::int32_t id) KHELP_EXCLUDES(mutex_);
  bool at_work() KHELP_REQUIRES(mutex_);
  static void withdraw(present_file& f, const std::string& module);
  std::vector<present_file> present() KHELP_EXCLUDES(mutex_);
  result<void> room_for_a_zombie(const std::string& name, std::uint32_t most) const
      KHELP_REQUIRES(mutex_);
  result<file> enter(const planned_file& planned, const std::vector<file>& loaded_now,
                     std::uint32_t most_zombies) KHELP_EXCLUDES(mutex_);
  static result<void> libraries_are_its_own(const loaded_file& f, const elf_summary& elf);
  result<void> bring_in(loaded_file& f, const planned_file& planned, const load_request& request);
  void mark_started(const file& f) KHELP_EXCLUDES(mutex_);
  void go_live(const std::vector<file>& loaded_now) noexcept KHELP_EXCLUDES(mutex_);
  void enter_state(const file& f, khelp_module_state state) KHELP_EXCLUDES(mutex_);
  void take_out(const file& f) noexcept KHELP_EXCLUDES(mutex_);

  file find_file(std::int32_t id) const KHELP_REQUIRES(mutex_);
  static void note_modules(loaded_file& f) noexcept;
  bool is_listed(const loaded_file& f) const KHELP_REQUIRES(mutex_);
  std::string names_of_dependants(const file& f) const KHELP_REQUIRES(mutex_);
  bool leave_to_dependants(std::int32_t id) KHELP_EXCLUDES(mutex_);
  result<file> claim(std::int32_t id) KHELP_EXCLUDES(mutex_);
  void settle(const file& f, khelp_module_state state, std::string reason = {}) noexcept
      KHELP_EXCLUDES(mutex_);
  std::string what_holds(const loaded_file& f) KHELP_EXCLUDES(mutex_);
  std::string zombies_on(const loaded_file& f) KHELP_EXCLUDES(mutex_);
  void let_go(const file& f, std::string holders) noexcept KHELP_EXCLUDES(mutex_);
  static void tell_what_stays(const loaded_file& f) noexcept;
  void become_dead(const file& f) noexcept KHELP_EXCLUDES(mutex_);
  void keep_for_ever(const file& f, std::string reason) noexcept KHELP_EXCLUDES(mutex_);
  void become_zombie(const file& f, std::string reason) noexcept KHELP_EXCLUDES(mutex_);
  void needs_nobody(const file& f) noexcept KHELP_EXCLUDES(mutex_);
  void unload_unneeded() KHELP_EXCLUDES(mutex_);
  bool reap_one(const file& f) KHELP_EXCLUDES(mutex_);
  void be_first_at_exit() noexcept;
  void tell_shut_down(const file& f) KHELP_EXCLUDES(mutex_);
  void mark_bound(loaded_file& f) KHELP_EXCLUDES(mutex_);
  bool adopt(const file& f, khelp_module_state state, bool bound) KHELP_EXCLUDES(mutex_);
  bool bury_zombie(const file& f) KHELP_EXCLUDES(mutex_);
  bool finish(const file& f) KHELP_EXCLUDES(mutex_);
  bool finish_or_leave(const file& f) KHELP_EXCLUDES(mutex_);

  mutex mutex_;
  condition settled_;  // somebody's work on a file has ended
  turn_state turn_;  // to load: a module's own init, which runs in the turn, may load what it needs
  std::int32_t next_id_ KHELP_GUARDED_BY(mutex_) = program_file + 1;
  std::int32_t next_module_id_ KHELP_GUARDED_BY(mutex_) = 1;
  std::vector<file> files_ KHELP_GUARDED_BY(mutex_);  // in load order
  bool shut_down_ KHELP_GUARDED_BY(mutex_) = false;   // nothing is loaded any more
  unsigned exit_entry_ = 0;  // how often it was registered anew; of whose turn it is
};

/// The process's loader; never destroyed (threads outlive static destructors).
loader& the_loader();

}  // namespace khelp
