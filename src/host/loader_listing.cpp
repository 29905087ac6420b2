// What is loaded, for whoever asks.
#include <algorithm>

#include "host/loader.hpp"

namespace khelp {

std::int32_t loader::find(std::string_view module) {
  lock_guard held(mutex_);
  for (const file& f : files_) {
    if (f->state != KHELP_MODULE_LIVE && f->state != KHELP_MODULE_DRAINING)
      continue;
    if (std::find(f->module_names.begin(), f->module_names.end(), module) != f->module_names.end())
      return f->id;
  }
  return -1;
}

std::vector<loader::listing> loader::list() {
  lock_guard held(mutex_);
  std::vector<listing> all;
  for (const file& f : files_) {
    listing line{};
    line.name = f->name;
    line.path = f->path;
    line.reason = f->reason;
    line.info.size = sizeof line.info;
    line.info.id = f->id;
    line.info.state = f->state;
    line.info.version = f->version;
    line.info.references = 1 + f->dependants;
    line.info.permanent = f->permanent;
    line.info.personality = f->personality;
    line.info.bytes = f->bytes;
    const bool mapped = f->started && f->state != KHELP_MODULE_DEAD;
    line.info.base = mapped ? f->code.base() : 0;
    line.info.helper = mapped ? f->modules.front().helper() : 0;
    all.push_back(std::move(line));
  }
  std::erase_if(files_, [](const file& f) { return f->state == KHELP_MODULE_DEAD; });
  return all;
}

}  // namespace khelp
