// The table of module files, and all state under the loader's mutex. Nothing here calls a module or
// waits for one.
//
// The life of a file. Each arrow is a function of file_table, and no other code changes a state:
//
//     begin_load
//         |
//         v       loaded, keep_for_dependents
//      LOADING ---------------------------------> LIVE <-------------+
//         |                          begin_unload, |                 |
//         |                       begin_shutdown   v                 |
//         |                                     DRAINING --stays_live+
//         |                          begin_going,  |                 |
//         |                       begin_finishing  v                 |
//         +-----------------------------------> GOING ----stays_live-+  a module refuses in the end
//          load_failed, begin_finishing          |  |
//                                   make_zombie  |  |  gone
//                                      +---------+  +-----+
//                                      v         gone     v
//                                    ZOMBIE -----------> DEAD: listed once
//
// A file that is GOING or ZOMBIE is left by its worker (postpone) and taken by another (take_up) until
// it is gone.
//
// While `busy`, one thread (`worker`) works on the file. It has the file's unguarded members for itself,
// and holds no lock, because its work calls the module. Loads take turns (a load by the thread whose
// turn it is, from a module's init, is a dependency load); unloads do not: the states order them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <pthread.h>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <khelp/linker.h>
#include <khelp/loader.h>
#include <khelp/result.hpp>

#include "core/process/leftovers.hpp"
#include "host/file_modules.hpp"
#include "host/mapping.hpp"
#include "host/module_file.hpp"
#include "sync/mutex.hpp"
#include "sync/turn.hpp"

namespace khelp {

/// Guards the table, and what its files have marked with it.
extern mutex loader_mutex;

/// The program itself, in the numbering of files.
inline constexpr std::int32_t program_file = 1;

/// A module in the numbering of modules.
struct registered_module {
  std::int32_t id;  // counts up, never reused
  std::string name;
  bool there;           // until its start failed, or it has been stopped
  std::int32_t helper;  // that it registered; 0: none
};

struct loaded_file {
  using pointer = std::shared_ptr<loaded_file>;

  khelp_module_state state KHELP_GUARDED_BY(loader_mutex) = KHELP_MODULE_LOADING;
  // Files whose `dependencies` have this one.
  unsigned dependents KHELP_GUARDED_BY(loader_mutex) = 0;
  // 1: by khelp_load(), not for others.
  unsigned userrefs KHELP_GUARDED_BY(loader_mutex) = 0;
  // They stay as long as this file needs them.
  std::vector<pointer> dependencies KHELP_GUARDED_BY(loader_mutex);
  // Of a zombie: whose code its code may still call.
  std::vector<pointer> former_dependencies KHELP_GUARDED_BY(loader_mutex);
  // In the order of their start.
  std::vector<registered_module> registered KHELP_GUARDED_BY(loader_mutex);
  // Of a zombie, of being permanent; of a LIVE file, what is wrong with it.
  std::string reason KHELP_GUARDED_BY(loader_mutex);
  // A LOADING file that its own turn may use.
  bool started KHELP_GUARDED_BY(loader_mutex) = false;
  // The files that it was loaded for are gone.
  bool unreferenced KHELP_GUARDED_BY(loader_mutex) = false;
  // Answers to the question whether it may go do not count: as its unload said, or that of a file
  // that it was loaded for.
  bool forced KHELP_GUARDED_BY(loader_mutex) = false;
  bool busy KHELP_GUARDED_BY(loader_mutex) = true;  // `worker` works on it
  pthread_t worker KHELP_GUARDED_BY(loader_mutex) = {};
  bool bound KHELP_GUARDED_BY(loader_mutex) = false;      // `modules` is complete
  bool finishing KHELP_GUARDED_BY(loader_mutex) = false;  // the work is the last of its unload
  // Its worker is not in this child of a fork.
  bool orphaned KHELP_GUARDED_BY(loader_mutex) = false;
  // A zombie that is not looked at again.
  bool kept_for_ever KHELP_GUARDED_BY(loader_mutex) = false;

  // Constant once it is in the table.
  std::int32_t id = 0;
  std::string name;
  std::string path;
  std::string full_path;
  unsigned spelling = 0;  // of full_path: no other file of the table has the same (link_names)
  std::uint32_t version = 0;
  std::uint32_t personality = 0;
  std::uint64_t bytes = 0;
  bool permanent = false;                 // it is never unmapped once it is mapped
  bool look_for_threads = false;          // it may have started some, which can be told
  std::vector<std::string> module_names;  // in the order of their start
  std::vector<offered_interface> offers;
  std::string soname;  // the linker's name for it when others are linked with it
  std::vector<elf_export> exports;

  // The worker's.
  std::string if_kept;  // the reason, should the code stay
  std::string if_cut_off = "a fork cut off its load or unload, which another thread was at";
  std::vector<std::string> brought_in;  // libraries that came with it
  mapping code;                         // where it lies is constant once it is bound
  file_modules modules;
  int how = KHELP_UNLOAD_REFUSE;  // of its unload
  bool ended = false;             // nothing of it runs: what is left is its code
  bool late = false;              // a revoke waited too long for its runs: a zombie until then
  bool cut_off = false;           // by a fork, in the middle of its start or its end
  bool load_failed = false;       // it goes for that

  module_range range() const noexcept { return {code.base(), code.base() + code.size()}; }
};

using file_ref = loaded_file::pointer;

// ---- what a plan asks (load_plan.hpp)

/// A file of the table, as far as it speaks for or against a load.
struct present_file {
  std::int32_t id;
  bool ending;  // another thread is about to take it away
};

/// One file's offer of an interface.
struct present_offer {
  present_file file;
  std::int32_t version;
  bool usable;         // others may depend on the file
  bool withdrawn;      // it belongs to a module that did not start
  bool names_present;  // the file has a module of the interface's name
};

class file_table {
 public:
  /// Who may load.
  turn_state load_turn;

  // ---- transitions; see above
  //
  // begin_load: `needs` are the ids of files that it depends on. ENOENT: one has just gone.

  result<void> begin_load(const file_ref& f, std::vector<file_ref> dependencies,
                          const std::vector<std::int32_t>& needs, std::string reason)
      KHELP_EXCLUDES(loader_mutex);
  void mark_bound(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  void mark_started(loaded_file& f) KHELP_EXCLUDES(loader_mutex);
  /// All that one load has brought in; the last one is what was asked for.
  void loaded(const std::vector<file_ref>& files) noexcept KHELP_EXCLUDES(loader_mutex);
  /// Of a failed load: false if no file depends on it.
  bool keep_for_dependents(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  void load_failed(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);

  /// Errors   as khelp_unload().
  result<file_ref> begin_unload(std::int32_t id) KHELP_EXCLUDES(loader_mutex);
  /// Of every file that is LIVE and idle, when the process ends.
  bool begin_shutdown(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  /// Its modules are being stopped, and may still refuse.
  void begin_going(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  /// The last part of its unload, which other threads may wait for. A ZOMBIE stays one.
  void begin_finishing(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  void stays_live(loaded_file& f, std::string reason = {}) noexcept KHELP_EXCLUDES(loader_mutex);
  void postpone(loaded_file& f, std::string reason = {}) noexcept KHELP_EXCLUDES(loader_mutex);
  void make_zombie(loaded_file& f, std::string reason, bool for_ever) noexcept
      KHELP_EXCLUDES(loader_mutex);
  bool is_zombie(const loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  void gone(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  /// Its load is reported as failed: once DEAD it is not listed.
  void forget_dead(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);

  /// A file that nobody works on and that is to be finished.
  struct work {
    khelp_module_state state;
    bool orphaned;
    bool bound;
  };
  /// Nothing: there is nothing to do, or somebody works on it.
  std::optional<work> take_up(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  /// Those to take up, the last one loaded first: it may be what holds the others.
  std::vector<file_ref> unfinished() KHELP_EXCLUDES(loader_mutex);

  // ---- dependencies

  /// M-6: kldunload(2) of a file that others depend on succeeds, and it goes with the last of them.
  /// False: no file depends on it, or it is theirs already.
  bool leave_to_dependents(std::int32_t id) KHELP_EXCLUDES(loader_mutex);
  /// It needs no other file any more.
  void release_dependencies(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  std::vector<file_ref> dependencies_of(const loaded_file& f) KHELP_EXCLUDES(loader_mutex);
  void set_forced(loaded_file& f, bool forced) noexcept KHELP_EXCLUDES(loader_mutex);
  /// A file that was loaded only because others needed it, which are gone; nullptr: none. `forced`:
  /// how it is to be unloaded.
  file_ref take_unreferenced(bool& forced) KHELP_EXCLUDES(loader_mutex);
  /// Its unload was not even begun: it is taken again.
  void give_back_unreferenced(loaded_file& f) noexcept KHELP_EXCLUDES(loader_mutex);
  void note_reason(loaded_file& f, std::string reason) noexcept KHELP_EXCLUDES(loader_mutex);
  /// Zombies that were loaded on top of it, by name: their code may call its.
  std::string zombies_on(const loaded_file& f) KHELP_EXCLUDES(loader_mutex);

  // ---- the end of the process

  bool is_shut_down() KHELP_EXCLUDES(loader_mutex);
  /// Nothing is loaded or unloaded any more. False: that was so already.
  bool shut_down(std::vector<file_ref>& live) KHELP_EXCLUDES(loader_mutex);

  // ---- waiting

  /// Whether this thread works on a file, or loads: others may wait for it.
  bool in_use_by_me() KHELP_EXCLUDES(loader_mutex);
  /// The end of an unload that another thread is finishing. False: it does not end now.
  bool wait_for_the_end_of(std::int32_t id) KHELP_EXCLUDES(loader_mutex);

  // ---- questions of a plan; each answer holds for the moment
  //
  // Cost     of what is found, not of how many files there are.

  /// The file that has a module of this name.
  std::optional<present_file> with_module(const std::string& name) KHELP_EXCLUDES(loader_mutex);
  std::vector<present_offer> offers_of(const std::string& interface) KHELP_EXCLUDES(loader_mutex);
  /// The first with this DT_SONAME, zombies included: the dynamic linker has it under that name.
  std::optional<present_file> with_soname(const std::string& name) KHELP_EXCLUDES(loader_mutex);
  /// Whether another zombie of this module may come; if not, why.
  std::string too_many_zombies(const std::string& module, std::uint32_t most)
      KHELP_EXCLUDES(loader_mutex);
  /// The path of a file that exports a symbol; "": none. Cost: all exports.
  std::string exporter_of(const std::string& symbol) KHELP_EXCLUDES(loader_mutex);

  // ---- the listing (listing.cpp)

  /// The id of the file; -1: none.
  std::int32_t find(std::string_view module) KHELP_EXCLUDES(loader_mutex);

  /// One line of the listing. A DEAD file is listed once, or until the next load.
  struct listing {
    khelp_module_info info;
    std::string name, path, reason, held_by;
  };
  std::vector<listing> list() KHELP_EXCLUDES(loader_mutex);

  // By number (khelp/linker.h). ENOENT: nothing has this number or name.
  result<std::int32_t> file_after(std::int32_t id) KHELP_EXCLUDES(loader_mutex);
  result<std::int32_t> file_named(std::string_view name) KHELP_EXCLUDES(loader_mutex);
  result<void> describe(std::int32_t id, khelp_kld_info& into) KHELP_EXCLUDES(loader_mutex);
  result<symbol_place> find_symbol(std::int32_t id, const char* symbol)
      KHELP_EXCLUDES(loader_mutex);
  result<std::int32_t> newest_module(std::int32_t id) KHELP_EXCLUDES(loader_mutex);
  result<std::int32_t> module_after(std::int32_t id) KHELP_EXCLUDES(loader_mutex);
  result<std::int32_t> module_before_in_file(std::int32_t id) KHELP_EXCLUDES(loader_mutex);
  result<std::int32_t> module_named(std::string_view name) KHELP_EXCLUDES(loader_mutex);
  result<void> describe_module(std::int32_t id, khelp_mod_info& into) KHELP_EXCLUDES(loader_mutex);

  // ---- fork (fork.cpp)

  void before_fork() KHELP_ACQUIRE(loader_mutex);
  void after_fork_in_parent() KHELP_RELEASE(loader_mutex);
  void after_fork_in_child() KHELP_RELEASE(loader_mutex);

 private:
  class change;
  using index = std::unordered_multimap<std::string_view, loaded_file*>;

  /// Whether other files may depend on it: it is LIVE, or this very thread has just started it for a
  /// load that goes on.
  static bool usable(const loaded_file& f) KHELP_REQUIRES(loader_mutex);
  static bool needs_finishing(const loaded_file& f) KHELP_REQUIRES(loader_mutex);
  static bool is_listed(const loaded_file& f) KHELP_REQUIRES(loader_mutex);
  loaded_file* find_file(std::int32_t id) KHELP_REQUIRES(loader_mutex);
  std::vector<loaded_file*> found_in(index& by, const std::string& name)
      KHELP_REQUIRES(loader_mutex);
  void add_to_indexes(loaded_file& f) KHELP_REQUIRES(loader_mutex);
  void take_from_indexes(loaded_file& f) noexcept KHELP_REQUIRES(loader_mutex);
  void set_unreferenced(loaded_file& f, bool unreferenced) noexcept KHELP_REQUIRES(loader_mutex);
  listing line_of(const loaded_file& f) KHELP_REQUIRES(loader_mutex);
  std::string names_of_dependents(const loaded_file& f) KHELP_REQUIRES(loader_mutex);

  condition work_ended_;  // a worker has left its file
  std::int32_t next_id_ KHELP_GUARDED_BY(loader_mutex) = program_file + 1;
  std::int32_t next_module_id_ KHELP_GUARDED_BY(loader_mutex) = 1;
  bool shut_down_ KHELP_GUARDED_BY(loader_mutex) = false;
  // By id, which is load order. A file that is DEAD moves from the one to the other.
  std::map<std::int32_t, file_ref> files_ KHELP_GUARDED_BY(loader_mutex);
  std::map<std::int32_t, file_ref> dead_ KHELP_GUARDED_BY(loader_mutex);
  // Of files_, by names that are constant.
  index by_module_ KHELP_GUARDED_BY(loader_mutex);
  index by_interface_ KHELP_GUARDED_BY(loader_mutex);
  index by_soname_ KHELP_GUARDED_BY(loader_mutex);
  index by_path_ KHELP_GUARDED_BY(loader_mutex);
  // How many of files_ needs_finishing() is true for, and how many are unreferenced.
  unsigned unfinished_ KHELP_GUARDED_BY(loader_mutex) = 0;
  unsigned unreferenced_ KHELP_GUARDED_BY(loader_mutex) = 0;
};

/// The process's table; never destroyed (threads outlive static destructors).
file_table& the_files();

}  // namespace khelp
