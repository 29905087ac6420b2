#include "host/file_modules.hpp"

#include <algorithm>
#include <cerrno>

#include <khelp/loader.h>

#include "base/text.hpp"
#include "core/instances/instance.hpp"
#include "host/exit_order.hpp"
#include "host/file_sets.hpp"

namespace khelp {

bool cannot_be_sure(const failure& why) noexcept {
  return why.code == ENOSYS;
}

bool waits_for_runs(int how, const failure& why) noexcept {
  return how == KHELP_UNLOAD_REVOKE && why.code == ETIMEDOUT;
}

result<file_modules> file_modules::bind(const std::string& file, const mapping& code,
                                        const module_file& contents) {
  file_modules made;
  made.may_register_at_exit_ = may_register_at_exit(contents.elf);
  if (made.may_register_at_exit_)
    be_first_at_exit();  // its constructors have run
  made.modules_.reserve(contents.modules.size());
  for (const declared_module& declared : contents.modules) {
    auto module = module_instance::bind(code, declared);
    if (!module)
      return std::move(module.error());
    made.modules_.push_back(std::move(*module));
  }
  const auto sets = mapped_sets(code, contents.sets);
  if (!sets)
    return sets.error();
  auto startup = file_startup::prepare(file, *sets);
  if (!startup)
    return std::move(startup.error());
  made.startup_ = std::move(*startup);
  return made;
}

result<void> file_modules::set_parameters(const load_parameters& parameters) {
  for (const auto& [param, value] : parameters) {
    bool wanted = false;
    for (module_instance& module : modules_) {
      if (!module.has_param(param.c_str()))
        continue;
      wanted = true;
      if (auto set = module.set_param(param.c_str(), value.c_str()); !set)
        return set;
    }
    if (!wanted)
      return failure(EINVAL, concat("it has no parameter ", quoted(param)));
  }
  return {};
}

result<void> file_modules::start(bool partial) {
  int code = 0;
  std::string words;
  std::size_t failed = 0;
  for (module_instance& module : modules_) {
    if (auto ran = startup_->run_up_to(module.place()); !ran)
      return ran;
    auto started = module.start();
    if (started)
      continue;
    if (!partial)
      return started;
    failed++;
    const int own = started.error().code;
    code = code == 0 || code == own ? own : ENOEXEC;
    words += (words.empty() ? "" : "\n") + started.error().detail;
  }
  if (failed == modules_.size())
    return failure(code, std::move(words));
  if (failed != 0)
    load_errors_ = "not all of its modules have started: " + words;
  if (auto ran = startup_->run_all(); !ran)
    return ran;
  if (may_register_at_exit_)
    be_first_at_exit();
  return {};
}

result<void> file_modules::ask(int how, bool force) {
  for (std::size_t i = modules_.size(); i-- > 0;) {
    auto answer = modules_[i].ask();
    if (answer || force || how == KHELP_UNLOAD_REVOKE)
      continue;
    if (how == KHELP_UNLOAD_WAIT && modules_[i].can_wait())
      continue;
    for (std::size_t j = i + 1; j < modules_.size(); j++)
      modules_[j].resume();
    return answer;
  }
  return {};
}

/// A module that was asked in vain goes on; one that was stopped in vain starts again (M-4).
failure file_modules::go_on(failure why) {
  for (module_instance& module : modules_) {
    if (module.running()) {
      module.resume();
    } else if (auto again = module.start_again(); !again) {
      why.detail +=
          concat("; ", module.name(),
                 " was stopped already, and does not start again: ", again.error().detail);
    }
  }
  return why;
}

result<void> file_modules::stop(int how, const deadline& limit, bool load_failed) {
  result<void> late;
  for (std::size_t i = modules_.size(); i-- > 0;) {
    auto stopped = modules_[i].stop(how, limit);
    if (stopped || stopped.error().code == EAGAIN)
      continue;
    if (waits_for_runs(how, stopped.error())) {
      late = std::move(stopped);
      continue;
    }
    if (load_failed || cannot_be_sure(stopped.error()))
      return stopped;
    return go_on(std::move(stopped.error()));
  }
  return late;
}

void file_modules::go_on_in_child() {
  for (module_instance& module : modules_) {
    module.forget_cut_off();
    module.resume();
  }
}

bool file_modules::gone() const {
  return std::all_of(modules_.begin(), modules_.end(),
                     [](const module_instance& module) { return module.gone(); });
}

bool file_modules::run_end_functions() {
  if (startup_ == nullptr)
    return true;
  if (!the_instances().may_change())
    return false;
  startup_->end();
  startup_.reset();
  return true;
}

void file_modules::shut_down() {
  for (std::size_t i = modules_.size(); i-- > 0;)
    modules_[i].shut_down();
}

bool file_modules::untouched() const {
  return std::all_of(modules_.begin(), modules_.end(),
                     [](const module_instance& module) { return module.untouched(); });
}

bool file_modules::cut_off() const {
  return std::any_of(modules_.begin(), modules_.end(),
                     [](const module_instance& module) { return module.cut_off(); });
}

}  // namespace khelp
