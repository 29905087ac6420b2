// One module of a mapped file: its record after relocation, and its life by events. Everything here
// calls the module's own code, so no lock of the loader is held.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <khelp/loader.h>
#include <khelp/module.h>
#include <khelp/result.hpp>

#include "base/deadline.hpp"
#include "core/instances/instance.hpp"
#include "host/mapping.hpp"
#include "host/module_file.hpp"

namespace khelp {

class module_instance {
 public:
  /// Find the record in the mapped file and check what its pointers lead to.
  ///
  /// Errors   ENOEXEC, in words.
  static result<module_instance> bind(const mapping& code, const declared_module& declared);

  const std::string& name() const { return name_; }
  bool native() const { return native_ != nullptr; }
  std::int32_t helper() const { return helper_; }
  /// Where it starts among the file's start functions.
  start_place place() const { return place_; }

  bool has_param(const char* param) const;
  /// EINVAL: it does not want this value.
  result<void> set_param(const char* param, const char* value);

  /// MOD_LOAD; for a native helper its registration. On failure nothing of it is left.
  result<void> start();
  bool running() const { return running_; }

  /// Ask whether it could go (MOD_QUIESCE): it attaches to no further object from now on.
  result<void> ask();
  /// Whether stop() can wait for the objects that hold it.
  bool can_wait() const { return helper_ != 0; }
  /// The question was in vain: it goes on as before.
  void resume();

  /// Stop it (MOD_UNLOAD). From inside a hook its helper is stopped at once and ends later; a
  /// handler of the module's own is left for a quieter place: EAGAIN.
  ///
  /// Shape    how: as khelp_unload().
  /// Errors   as khelp_unload(). ETIMEDOUT of a revoke: it is stopped, but for runs that are inside or
  ///          data in use; called again later, EAGAIN while that is so.
  result<void> stop(int how, const deadline& limit);

  /// An unload that stopped it was refused by another module: it starts again (M-4).
  result<void> start_again();

  /// MOD_SHUTDOWN: the process ends. Nobody minds the answer.
  void shut_down();

  /// In the child of a fork: another thread may have been starting, asking or stopping it. Whether
  /// it is as if that had never begun; if so, it may be forgotten.
  bool untouched() const;
  void forget_cut_off();
  bool cut_off() const { return change_ != change::none; }

  /// Whether nothing can run in it any more and nothing of its data is left.
  bool gone() const;

 private:
  int deliver(int event);
  bool own_handler() const;
  failure refusal(std::string_view event, int answer) const;
  result<void> stop_helper(int how, const deadline& limit);
  result<void> stop_handler(int how, const deadline& limit);

  std::string name_;
  start_place place_;
  const khelp_helper_x* native_ = nullptr;
  const khelp_moduledata* freebsd_ = nullptr;  // of the two, one is set
  std::uintptr_t code_begin_ = 0;
  std::uintptr_t code_end_ = 0;
  std::int32_t helper_ = 0;  // that its start registered; 0: none
  bool running_ = false;
  enum class change { none, starting, ending, unloading };
  change change_ = change::none;         // what its handler, or its helper's, is being called for
  bool stopped_ = false;                 // it ran, and stop() ended that
  bool left_behind_ = false;             // a revoke of its helper waited too long
  std::shared_ptr<std::uint32_t> dead_;  // of the helper: set by the registry, at its very end
};

}  // namespace khelp
