// Files that the loader did not load and that start by themselves: the program, its libraries.
#include <algorithm>
#include <cerrno>
#include <list>
#include <memory>
#include <utility>

#include <khelp/sysinit.h>

#include "base/cold_call.hpp"
#include "core/instances/startup.hpp"

namespace khelp {
namespace {

struct started_file {
  const void* file;
  std::unique_ptr<file_startup> startup;  // nullptr: being started or ended
};

mutex files_mutex;
std::list<started_file> files KHELP_GUARDED_BY(files_mutex);

std::list<started_file>::iterator find(const void* file) KHELP_REQUIRES(files_mutex) {
  return std::find_if(files.begin(), files.end(), [=](const auto& f) { return f.file == file; });
}

void forget(const void* file) noexcept {
  lock_guard held(files_mutex);
  if (const auto at = find(file); at != files.end())
    files.erase(at);
}

result<void> start(const khelp_file_sets& sets) {
  if (sets.size < sizeof sets || sets.file == nullptr)
    return failure(EINVAL, "struct khelp_file_sets: its size or file is not set");
  if (auto may = the_instances().may_change(); !may)
    return may;
  {
    lock_guard held(files_mutex);
    if (find(sets.file) != files.end())
      return failure(EALREADY, "the file is started already");
    files.push_back({sets.file, nullptr});
  }
  // Whatever ends it early undoes it.
  struct undo_unless_done {
    const void* file;
    std::unique_ptr<file_startup> startup;
    bool done = false;
    ~undo_unless_done() {
      if (done)
        return;
      if (startup != nullptr)
        startup->end();
      forget(file);
    }
  } undo{sets.file, nullptr};
  auto prepared = file_startup::prepare("the program", sets);
  if (!prepared)
    return std::move(prepared).error();
  undo.startup = std::move(*prepared);
  if (auto ran = undo.startup->run_all(); !ran)
    return ran;
  undo.done = true;
  lock_guard held(files_mutex);
  find(sets.file)->startup = std::move(undo.startup);
  return {};
}

result<void> stop(const khelp_file_sets& sets) {
  if (auto may = the_instances().may_change(); !may)
    return may;
  std::unique_ptr<file_startup> startup;
  {
    lock_guard held(files_mutex);
    const auto at = find(sets.file);
    if (at == files.end() || at->startup == nullptr)
      return failure(ENOENT, "the file is not started");
    startup = std::move(at->startup);
  }
  startup->end();
  forget(sets.file);
  return {};
}

}  // namespace
}  // namespace khelp

extern "C" int khelp_file_start(const khelp_file_sets* sets) {
  return khelp::cold_call([&] { return khelp::start(*sets); });
}

extern "C" int khelp_file_stop(const khelp_file_sets* sets) {
  return khelp::cold_call([&] { return khelp::stop(*sets); });
}
