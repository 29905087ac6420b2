// The modules of one mapped file, with the functions of its start and end between them: as a whole.
// Everything here calls the modules' own code, so no lock of the loader is held.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <khelp/result.hpp>

#include "base/deadline.hpp"
#include "core/instances/startup.hpp"
#include "host/mapping.hpp"
#include "host/module_file.hpp"
#include "host/module_instance.hpp"

namespace khelp {

using load_parameters = std::vector<std::pair<std::string, std::string>>;

/// Its hooks are off, but nobody can tell whether a thread is still inside one (membarrier(2) is
/// refused): the code stays where it is.
bool cannot_be_sure(const failure& why) noexcept;

/// A revoke has taken its hooks off, and waited too long for runs that were inside, or for its data.
bool waits_for_runs(int how, const failure& why) noexcept;

class file_modules {
 public:
  /// Find the modules' records and the file's functions in the mapped file, and check where they lead.
  ///
  /// Errors   ENOEXEC, in words · as file_startup::prepare().
  static result<file_modules> bind(const std::string& file, const mapping& code,
                                   const module_file& contents);

  /// EINVAL: none of them has a parameter of this name, or one does not want this value.
  result<void> set_parameters(const load_parameters& parameters);

  /// Start them in their order, and the file's start functions between them: all, or, if `partial`,
  /// those that will. If several fail in different ways, none speaks for all: ENOEXEC (M-2, M-3).
  result<void> start(bool partial);
  /// Modules that did not start, in words.
  const std::string& load_errors() const { return load_errors_; }

  /// Two phases (M-5): ask all of them, the last one started first; when one objects, those asked
  /// before go on. An unload that waits or revokes does not care about objects that hold a helper.
  result<void> ask(int how, bool force);
  /// Stop what still runs, the last one started first. A handler that has to wait until this hook has
  /// ended is left for another call. When one objects, all go on, unless `load_failed`: what is left of
  /// a failed load is not wanted.
  ///
  /// Errors   as khelp_unload(). ETIMEDOUT of a revoke: all are stopped, but for runs and data in use.
  result<void> stop(int how, const deadline& limit, bool load_failed);
  /// An unload that had only asked is forgotten in the child of a fork.
  void go_on_in_child();

  /// Whether nothing can run in them any more.
  bool gone() const;
  /// After them: the functions of the file's end. False: not where this thread is now.
  bool run_end_functions();

  /// MOD_SHUTDOWN, the last one started first.
  void shut_down();

  /// In the child of a fork: whether no other thread of the parent was starting, asking or stopping
  /// one; whether one was in the middle of that.
  bool untouched() const;
  bool cut_off() const;

  const std::vector<module_instance>& all() const { return modules_; }

 private:
  failure go_on(failure why);

  std::vector<module_instance> modules_;  // in the order of their start
  std::unique_ptr<file_startup> startup_;
  std::string load_errors_;
  bool may_register_at_exit_ = false;
};

}  // namespace khelp
