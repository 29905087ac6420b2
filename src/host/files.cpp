#include "host/files.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace khelp {

mutex loader_mutex;

namespace {

/// The table's account of a file's modules, by the file's worker.
void note_modules(loaded_file& f) noexcept KHELP_REQUIRES(loader_mutex) {
  const auto& modules = f.modules.all();
  for (std::size_t i = 0; i < modules.size(); i++) {
    f.registered[i].there = modules[i].running();
    f.registered[i].helper = modules[i].helper();
  }
}

void take(loaded_file& f) noexcept KHELP_REQUIRES(loader_mutex) {
  KHELP_ASSERT(!f.busy);
  f.busy = true;
  f.worker = pthread_self();
}

}  // namespace

/// Around every change of a file's state.
class KHELP_SCOPED_CAPABILITY file_table::change {
 public:
  change(file_table& table, loaded_file& f) KHELP_ACQUIRE(loader_mutex) : table_(table), file_(f) {
    loader_mutex.lock();
    table_.unfinished_ -= needs_finishing(file_);
  }
  change(const change&) = delete;
  change& operator=(const change&) = delete;
  ~change() KHELP_RELEASE() {
    table_.unfinished_ += needs_finishing(file_);
    loader_mutex.unlock();
  }

  /// The worker leaves its file in this state.
  void end_work(khelp_module_state state, std::string reason = {}) noexcept
      KHELP_REQUIRES(loader_mutex) {
    file_.state = state;
    file_.busy = false;
    file_.finishing = false;
    if (!reason.empty())
      file_.reason = std::move(reason);
    if (file_.bound)
      note_modules(file_);
    table_.work_ended_.notify_all();
  }

 private:
  file_table& table_;
  loaded_file& file_;
};

// ---- transitions

result<void> file_table::begin_load(const file_ref& f, std::vector<file_ref> dependencies,
                                    const std::vector<std::int32_t>& needs, std::string reason) {
  lock_guard held(loader_mutex);
  f->dependencies = std::move(dependencies);
  for (const std::int32_t id : needs) {
    if (id == program_file)
      continue;
    const auto found = files_.find(id);
    if (found == files_.end() || !usable(*found->second))
      return failure(ENOENT, concat("what it needs, file ", id, ", has just been unloaded"));
    f->dependencies.push_back(found->second);
  }
  f->reason = std::move(reason);
  f->worker = pthread_self();
  for (const std::string& module : f->module_names)
    f->registered.push_back({next_module_id_++, module, true, 0});
  f->id = next_id_++;
  files_.emplace_hint(files_.end(), f->id, f);
  try {
    add_to_indexes(*f);
  } catch (const std::bad_alloc&) {
    take_from_indexes(*f);
    files_.erase(f->id);
    throw;
  }
  for (const file_ref& below : f->dependencies)
    below->dependents++;
  // A program that never asks for the listing has no use for what has gone before.
  dead_.clear();
  return {};
}

void file_table::mark_bound(loaded_file& f) noexcept {
  lock_guard held(loader_mutex);
  KHELP_ASSERT(f.state == KHELP_MODULE_LOADING && !f.bound);
  f.bound = true;
}

void file_table::mark_started(loaded_file& f) {
  lock_guard held(loader_mutex);
  KHELP_ASSERT(f.state == KHELP_MODULE_LOADING && f.bound);
  f.started = true;
  if (const std::string& errors = f.modules.load_errors(); !errors.empty())
    f.reason += (f.reason.empty() ? "" : "; ") + errors;
  note_modules(f);
}

void file_table::loaded(const std::vector<file_ref>& files) noexcept {
  lock_guard held(loader_mutex);
  for (const file_ref& f : files) {
    KHELP_ASSERT(f->state == KHELP_MODULE_LOADING && f->busy);
    f->state = KHELP_MODULE_LIVE;
    f->busy = false;
  }
  files.back()->userrefs = 1;
}

bool file_table::keep_for_dependents(loaded_file& f) noexcept {
  lock_guard held(loader_mutex);
  KHELP_ASSERT(f.state == KHELP_MODULE_LOADING && f.busy);
  if (f.dependents == 0)
    return false;
  f.state = KHELP_MODULE_LIVE;
  f.busy = false;
  return true;
}

void file_table::load_failed(loaded_file& f) noexcept {
  change now(*this, f);
  KHELP_ASSERT(f.state == KHELP_MODULE_LOADING && f.busy);
  now.end_work(KHELP_MODULE_GOING);
}

result<file_ref> file_table::begin_unload(std::int32_t id) {
  if (id == program_file)
    return failure(EBUSY, "file 1 is this program");
  lock_guard held(loader_mutex);
  const auto found = files_.find(id);
  if (found == files_.end())
    return failure(ENOENT, concat("no module file ", id));
  loaded_file& f = *found->second;
  if (f.state == KHELP_MODULE_ZOMBIE)
    return failure(EALREADY, f.name + " is stopped for good; its code stays mapped: " + f.reason);
  if (f.state == KHELP_MODULE_LOADING)
    return failure(EBUSY, f.name + " is being loaded");
  if (f.state != KHELP_MODULE_LIVE)
    return failure(EALREADY, f.name + " is being unloaded");
  if (f.dependents != 0)
    return failure(EBUSY, f.name + " is needed by " + names_of_dependents(f));
  f.state = KHELP_MODULE_DRAINING;
  take(f);
  return found->second;
}

bool file_table::begin_shutdown(loaded_file& f) noexcept {
  lock_guard held(loader_mutex);
  if (f.state != KHELP_MODULE_LIVE || f.busy)
    return false;
  f.state = KHELP_MODULE_DRAINING;
  take(f);
  return true;
}

void file_table::begin_going(loaded_file& f) noexcept {
  const change now(*this, f);
  KHELP_ASSERT(f.busy);
  KHELP_ASSERT(f.state != KHELP_MODULE_LIVE && f.state != KHELP_MODULE_DEAD);
  f.state = KHELP_MODULE_GOING;
}

void file_table::begin_finishing(loaded_file& f) noexcept {
  const change now(*this, f);
  KHELP_ASSERT(f.busy && f.state != KHELP_MODULE_LIVE && f.state != KHELP_MODULE_DEAD);
  if (f.state != KHELP_MODULE_ZOMBIE)
    f.state = KHELP_MODULE_GOING;
  f.finishing = true;
}

void file_table::stays_live(loaded_file& f, std::string reason) noexcept {
  change now(*this, f);
  KHELP_ASSERT(f.busy && f.state != KHELP_MODULE_LOADING);
  KHELP_ASSERT(f.state != KHELP_MODULE_LIVE && f.state != KHELP_MODULE_DEAD);
  now.end_work(KHELP_MODULE_LIVE, std::move(reason));
}

void file_table::postpone(loaded_file& f, std::string reason) noexcept {
  change now(*this, f);
  KHELP_ASSERT(f.busy && needs_finishing(f));
  now.end_work(f.state, std::move(reason));
}

void file_table::make_zombie(loaded_file& f, std::string reason, bool for_ever) noexcept {
  change now(*this, f);
  KHELP_ASSERT(f.busy && f.state != KHELP_MODULE_LIVE && f.state != KHELP_MODULE_DEAD);
  now.end_work(KHELP_MODULE_ZOMBIE, std::move(reason));
  if (for_ever) {
    f.kept_for_ever = true;
    for (registered_module& module : f.registered)
      module.there = false;
  }
}

bool file_table::is_zombie(const loaded_file& f) noexcept {
  lock_guard held(loader_mutex);
  return f.state == KHELP_MODULE_ZOMBIE;
}

void file_table::gone(loaded_file& f) noexcept {
  change now(*this, f);
  KHELP_ASSERT(f.busy && needs_finishing(f));
  now.end_work(KHELP_MODULE_DEAD);
  set_unreferenced(f, false);
  take_from_indexes(f);
  dead_.insert(files_.extract(f.id));
}

void file_table::forget_dead(loaded_file& f) noexcept {
  lock_guard held(loader_mutex);
  dead_.erase(f.id);
}

std::optional<file_table::work> file_table::take_up(loaded_file& f) noexcept {
  const change now(*this, f);
  if (f.busy || !needs_finishing(f))
    return std::nullopt;
  const work found{f.state, std::exchange(f.orphaned, false), f.bound};
  take(f);
  f.finishing = !found.orphaned;
  return found;
}

std::vector<file_ref> file_table::unfinished() {
  std::vector<file_ref> found;
  lock_guard held(loader_mutex);
  if (shut_down_)
    return found;
  for (auto f = files_.rbegin(); f != files_.rend() && found.size() < unfinished_; ++f) {
    if (needs_finishing(*f->second))
      found.push_back(f->second);
  }
  KHELP_ASSERT(found.size() == unfinished_);
  return found;
}

// ---- dependencies

bool file_table::leave_to_dependents(std::int32_t id) {
  std::string words;
  {
    lock_guard held(loader_mutex);
    loaded_file* const f = find_file(id);
    if (f == nullptr || f->state != KHELP_MODULE_LIVE || f->dependents == 0 || f->userrefs == 0)
      return false;
    words = f->name + " is held by " + names_of_dependents(*f) + ", and goes with the last of them";
    f->userrefs = 0;
  }
  log(KHELP_LOG_INFO, {words});
  return true;
}

void file_table::set_unreferenced(loaded_file& f, bool unreferenced) noexcept {
  unreferenced_ -= f.unreferenced;
  f.unreferenced = unreferenced;
  unreferenced_ += f.unreferenced;
}

void file_table::release_dependencies(loaded_file& f) noexcept {
  lock_guard held(loader_mutex);
  for (const file_ref& below : f.dependencies) {
    set_unreferenced(*below, --below->dependents == 0 && below->userrefs == 0);
    below->forced = f.forced;
  }
  f.former_dependencies = std::move(f.dependencies);
  f.dependencies.clear();
  f.userrefs = 0;
}

std::vector<file_ref> file_table::dependencies_of(const loaded_file& f) {
  lock_guard held(loader_mutex);
  return f.dependencies;
}

void file_table::set_forced(loaded_file& f, bool forced) noexcept {
  lock_guard held(loader_mutex);
  KHELP_ASSERT(f.busy);
  f.forced = forced;
}

file_ref file_table::take_unreferenced(bool& forced) {
  lock_guard held(loader_mutex);
  if (unreferenced_ == 0)
    return nullptr;
  for (const auto& [id, f] : files_) {
    if (!f->unreferenced || f->dependents != 0 || f->state != KHELP_MODULE_LIVE)
      continue;
    set_unreferenced(*f, false);
    forced = f->forced;
    return f;
  }
  return nullptr;
}

void file_table::give_back_unreferenced(loaded_file& f) noexcept {
  lock_guard held(loader_mutex);
  set_unreferenced(f, f.state != KHELP_MODULE_DEAD);
}

void file_table::note_reason(loaded_file& f, std::string reason) noexcept {
  lock_guard held(loader_mutex);
  if (f.state == KHELP_MODULE_LIVE)
    f.reason = std::move(reason);
}

std::string file_table::zombies_on(const loaded_file& f) {
  lock_guard held(loader_mutex);
  std::string names;
  for (const auto& [id, other] : files_) {
    if (other->state != KHELP_MODULE_ZOMBIE)
      continue;
    for (const file_ref& below : other->former_dependencies) {
      if (below.get() != &f)
        continue;
      names += (names.empty() ? "" : ", ") + other->name;
      break;
    }
  }
  return names.empty() ? names : "what depended on it is still mapped: " + names;
}

// ---- the end of the process

bool file_table::is_shut_down() {
  lock_guard held(loader_mutex);
  return shut_down_;
}

bool file_table::shut_down(std::vector<file_ref>& live) {
  lock_guard held(loader_mutex);
  if (std::exchange(shut_down_, true))
    return false;
  for (const auto& [id, f] : files_) {
    if (f->state == KHELP_MODULE_LIVE && !f->busy)
      live.push_back(f);
  }
  return true;
}

// ---- waiting

bool file_table::in_use_by_me() {
  if (load_turn.is_mine())
    return true;
  lock_guard held(loader_mutex);
  for (const auto& [id, f] : files_) {
    if (f->busy && pthread_equal(f->worker, pthread_self()))
      return true;
  }
  return false;
}

bool file_table::wait_for_the_end_of(std::int32_t id) {
  lock_guard held(loader_mutex);
  const loaded_file* f = find_file(id);
  while (f != nullptr && f->state == KHELP_MODULE_GOING && f->busy && f->finishing) {
    work_ended_.wait(loader_mutex);
    f = find_file(id);
  }
  return f == nullptr || f->state != KHELP_MODULE_GOING;
}

// ---- the table itself

bool file_table::usable(const loaded_file& f) {
  if (f.state == KHELP_MODULE_LIVE)
    return true;
  return f.state == KHELP_MODULE_LOADING && f.started && pthread_equal(f.worker, pthread_self());
}

bool file_table::needs_finishing(const loaded_file& f) {
  return f.orphaned || f.state == KHELP_MODULE_GOING ||
         (f.state == KHELP_MODULE_ZOMBIE && !f.kept_for_ever);
}

loaded_file* file_table::find_file(std::int32_t id) {
  const auto found = files_.find(id);
  return found == files_.end() ? nullptr : found->second.get();
}

std::string file_table::names_of_dependents(const loaded_file& f) {
  std::string names;
  if (f.dependents == 0)
    return names;
  for (const auto& [id, other] : files_) {
    for (const file_ref& below : other->dependencies) {
      if (below.get() == &f)
        names += (names.empty() ? "" : ", ") + other->name;
    }
  }
  return names;
}

file_table& the_files() {
  // In place: it is there also when there is no memory.
  alignas(file_table) static std::byte storage[sizeof(file_table)];
  static file_table& one = *new (storage) file_table;
  return one;
}

}  // namespace khelp
