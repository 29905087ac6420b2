// What is loaded, for whoever asks.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <link.h>
#include <unistd.h>

#include "base/text.hpp"
#include "host/files.hpp"
#include "host/linker_calls.hpp"

namespace khelp {
namespace {

/// The program itself: where the linker put it.
struct program_place {
  std::uint64_t base = 0;
  std::uint64_t bytes = 0;
};

program_place find_program() {
  const linker_calls mine;
  program_place place;
  // The program is the first object that the linker tells of.
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* arg) {
        std::uint64_t begin = UINT64_MAX;
        std::uint64_t end = 0;
        for (int i = 0; i < info->dlpi_phnum; i++) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD)
            continue;
          begin = std::min<std::uint64_t>(begin, segment.p_vaddr);
          end = std::max<std::uint64_t>(end, segment.p_vaddr + segment.p_memsz);
        }
        if (begin < end)
          *static_cast<program_place*>(arg) = {info->dlpi_addr + begin, end - begin};
        return 1;
      },
      &place);
  return place;
}

std::string program_path() {
  char path[KHELP_KLD_PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length < 0 ? "" : std::string(path, static_cast<std::size_t>(length));
}

std::string_view without_folders(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

/// A file's name as people say it: without its folders, and without ".so" (".ko", where modules of
/// this kind come from).
std::string_view bare(std::string_view name) {
  name = without_folders(name);
  if (name.ends_with(".so") || name.ends_with(".ko"))
    name.remove_suffix(3);
  return name;
}

template <std::size_t N>
void copy_text(char (&to)[N], std::string_view from) {
  const std::size_t length = std::min(from.size(), N - 1);
  std::memcpy(to, from.data(), length);
  std::memset(to + length, 0, N - length);
}

failure no_file(std::int32_t id) {
  return {ENOENT, concat("no module file ", id)};
}

failure no_module(std::int32_t id) {
  return {ENOENT, concat("no module ", id)};
}

/// A load that this very thread is in the middle of.
bool loaded_by_me(const loaded_file& f) KHELP_REQUIRES(loader_mutex) {
  return f.state == KHELP_MODULE_LOADING && f.busy && pthread_equal(f.worker, pthread_self());
}

std::uint32_t references(const loaded_file& f) KHELP_REQUIRES(loader_mutex) {
  const std::uint32_t held = f.userrefs + f.dependents;
  if (f.state == KHELP_MODULE_DEAD || f.state == KHELP_MODULE_ZOMBIE)
    return held;
  // One that nobody holds any more is still there: something spoke against its unload.
  return std::max(1U, held);
}

}  // namespace

/// A file is visible from LIVE to DEAD; to the thread that loads it, from LOADING.
bool file_table::is_listed(const loaded_file& f) {
  return f.state != KHELP_MODULE_LOADING || loaded_by_me(f);
}

std::int32_t file_table::find(std::string_view module) {
  lock_guard held(loader_mutex);
  for (const auto& [number, f] : files_) {
    if (f->state != KHELP_MODULE_LIVE && f->state != KHELP_MODULE_DRAINING && !loaded_by_me(*f))
      continue;
    for (const registered_module& other : f->registered) {
      if (other.there && other.name == module)
        return f->id;
    }
  }
  return -1;
}

file_table::listing file_table::line_of(const loaded_file& f) {
  listing line{};
  line.name = f.name;
  line.path = f.path;
  line.reason = f.reason;
  line.held_by = names_of_dependents(f);
  line.info.size = sizeof line.info;
  line.info.id = f.id;
  line.info.state = f.state;
  line.info.version = f.version;
  line.info.references = references(f);
  line.info.user_references = f.userrefs;
  line.info.permanent = f.permanent;
  line.info.personality = f.personality;
  line.info.bytes = f.bytes;
  const bool mapped = f.started && f.state != KHELP_MODULE_DEAD;
  line.info.base = mapped ? f.code.base() : 0;
  line.info.helper = mapped ? f.registered.front().helper : 0;
  return line;
}

std::vector<file_table::listing> file_table::list() {
  lock_guard held(loader_mutex);
  std::vector<listing> all;
  all.reserve(files_.size() + dead_.size());
  for (const auto& [id, f] : files_)
    all.push_back(line_of(*f));
  for (const auto& [id, f] : dead_)
    all.push_back(line_of(*f));
  dead_.clear();
  std::sort(all.begin(), all.end(),
            [](const listing& a, const listing& b) { return a.info.id < b.info.id; });
  return all;
}

// ---- by number

result<std::int32_t> file_table::file_after(std::int32_t id) {
  if (id == 0)
    return program_file;
  lock_guard held(loader_mutex);
  const loaded_file* const before = find_file(id);
  if (id != program_file && (before == nullptr || !is_listed(*before)))
    return no_file(id);
  for (auto next = files_.upper_bound(id); next != files_.end(); ++next) {
    if (is_listed(*next->second))
      return next->first;
  }
  return 0;
}

result<std::int32_t> file_table::file_named(std::string_view name) {
  lock_guard held(loader_mutex);
  for (const auto& [number, f] : files_) {
    if (is_listed(*f) && bare(f->path) == bare(name))
      return f->id;
  }
  if (bare(name) == "kernel" || without_folders(program_path()) == without_folders(name))
    return program_file;
  return failure(ENOENT, concat("no module file ", quoted(name)));
}

result<void> file_table::describe(std::int32_t id, khelp_kld_info& into) {
  into.id = id;
  if (id == program_file) {
    const program_place place = find_program();
    const std::string path = program_path();
    into.state = KHELP_MODULE_LIVE;
    into.user_references = 1;
    into.base = place.base;
    into.bytes = place.bytes;
    copy_text(into.name, without_folders(path));
    copy_text(into.path, path);
    copy_text(into.remark, "");
    lock_guard held(loader_mutex);
    into.references = 1;  // and all files depend on it
    for (const auto& [number, f] : files_)
      into.references += is_listed(*f);
    return {};
  }
  lock_guard held(loader_mutex);
  const loaded_file* const f = find_file(id);
  if (f == nullptr || !is_listed(*f))
    return no_file(id);
  into.state = f->state;
  into.references = references(*f);
  into.user_references = f->userrefs;
  into.base = f->bound ? f->code.base() : 0;
  into.bytes = f->bytes;
  copy_text(into.name, without_folders(f->path));
  copy_text(into.path, f->path);
  if (f->userrefs == 0 && f->dependents != 0)
    copy_text(into.remark, "held by " + names_of_dependents(*f));
  else
    copy_text(into.remark, f->reason);
  return {};
}

/// What a module file exports is known from its bytes: the dynamic linker, whose lock a constructor
/// that asks may hold, is only asked for the program and its libraries, and without a lock of ours.
result<symbol_place> file_table::find_symbol(std::int32_t id, const char* symbol) {
  const bool of_program = id == 0 || id == program_file;
  if (of_program && !linker_is_whole())
    return failure(ENOTRECOVERABLE, linker_is_not_whole);
  if (of_program) {
    if (const auto found = find_global_symbol(symbol))
      return *found;
  }
  lock_guard held(loader_mutex);
  bool known = of_program;
  for (const auto& [number, f] : files_) {
    if ((id != 0 && f->id != id) || !is_listed(*f))
      continue;
    known = true;
    const auto named = [&](const elf_export& e) { return e.placed && e.name == symbol; };
    const auto found = std::find_if(f->exports.begin(), f->exports.end(), named);
    if (f->bound && found != f->exports.end())
      return symbol_place{reinterpret_cast<void*>(f->code.base() + found->address), found->size};
  }
  if (!known)
    return no_file(id);
  return failure(ENOENT, id == 0 ? concat("no file exports ", quoted(symbol))
                                 : concat("file ", id, " does not export ", quoted(symbol)));
}

result<std::int32_t> file_table::newest_module(std::int32_t id) {
  if (id == program_file)
    return 0;
  lock_guard held(loader_mutex);
  const loaded_file* const f = find_file(id);
  if (f == nullptr || !is_listed(*f))
    return no_file(id);
  std::int32_t newest = 0;
  for (const registered_module& module : f->registered) {
    if (module.there)
      newest = module.id;
  }
  return newest;
}

result<std::int32_t> file_table::module_after(std::int32_t id) {
  lock_guard held(loader_mutex);
  bool known = id == 0;
  std::int32_t next = 0;
  for (const auto& [number, f] : files_) {
    if (!is_listed(*f))
      continue;
    for (const registered_module& module : f->registered) {
      known = known || (module.there && module.id == id);
      if (module.there && module.id > id && (next == 0 || module.id < next))
        next = module.id;
    }
  }
  if (!known)
    return no_module(id);
  return next;
}

result<std::int32_t> file_table::module_before_in_file(std::int32_t id) {
  lock_guard held(loader_mutex);
  for (const auto& [number, f] : files_) {
    if (!is_listed(*f))
      continue;
    std::int32_t before = 0;
    for (const registered_module& module : f->registered) {
      if (!module.there)
        continue;
      if (module.id == id)
        return before;
      before = module.id;
    }
  }
  return no_module(id);
}

result<std::int32_t> file_table::module_named(std::string_view name) {
  lock_guard held(loader_mutex);
  for (const auto& [number, f] : files_) {
    if (!is_listed(*f))
      continue;
    for (const registered_module& module : f->registered) {
      if (module.there && module.name == name)
        return module.id;
    }
  }
  return failure(ENOENT, concat("no module ", quoted(name)));
}

result<void> file_table::describe_module(std::int32_t id, khelp_mod_info& into) {
  lock_guard held(loader_mutex);
  for (const auto& [number, f] : files_) {
    if (!is_listed(*f))
      continue;
    for (const registered_module& module : f->registered) {
      if (!module.there || module.id != id)
        continue;
      into.id = id;
      into.file = f->id;
      into.references = 1;
      copy_text(into.name, module.name);
      return {};
    }
  }
  return no_module(id);
}

}  // namespace khelp
