// The C face of the loader (khelp/loader.h, khelp/linker.h).

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <khelp/linker.h>
#include <khelp/loader.h>

#include "base/cold_call.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "host/file_check.hpp"
#include "host/files.hpp"
#include "host/load.hpp"
#include "host/unload.hpp"

namespace {

using namespace khelp;

/// KHELP_LOAD=path does for all loads of a process what KHELP_LOAD_DEBUG does for one.
bool environment_wants_paths() {
  const char* wanted = secure_getenv("KHELP_LOAD");
  return wanted != nullptr && std::string_view(wanted) == "path";
}

/// The struct grows: what an older caller does not know is zero, and what a newer one asks beyond what
/// is known here is refused.
result<khelp_load_options> known_options(const khelp_load_options& given) {
  constexpr std::size_t first_size = offsetof(khelp_load_options, libraries);
  khelp_load_options known{};
  if (given.size < first_size)
    return failure(EINVAL, "unknown load options");
  const auto* const bytes = reinterpret_cast<const char*>(&given);
  if (std::any_of(bytes + std::min<std::size_t>(given.size, sizeof known), bytes + given.size,
                  [](char byte) { return byte != 0; }))
    return failure(EINVAL, "load options of a newer library");
  std::memcpy(&known, bytes, std::min<std::size_t>(given.size, sizeof known));
  if ((known.flags & ~(KHELP_LOAD_DEBUG | KHELP_LOAD_PARTIAL)) != 0)
    return failure(EINVAL, "unknown load options");
  return known;
}

result<load_request> request_of(const char* name, const khelp_load_options* options) {
  if (name == nullptr)
    return failure(EINVAL, "a module without a name");
  load_request request;
  request.name = name;
  request.by_path = environment_wants_paths();
  if (options == nullptr)
    return request;
  const auto known = known_options(*options);
  if (!known)
    return known.error();
  request.by_path = request.by_path || (known->flags & KHELP_LOAD_DEBUG) != 0;
  request.partial = (known->flags & KHELP_LOAD_PARTIAL) != 0;
  if (known->most_zombies != 0)
    request.most_zombies = known->most_zombies;
  if (known->module_path != nullptr)
    request.path_first = known->module_path;
  for (std::uint32_t i = 0; i < known->nlibraries; i++) {
    if (known->libraries[i] == nullptr)
      return failure(EINVAL, "a library without a name");
    request.libraries.emplace_back(known->libraries[i]);
  }
  for (std::uint32_t i = 0; i < known->nparams; i++) {
    const khelp_load_param& param = known->params[i];
    if (param.name == nullptr || param.value == nullptr)
      return failure(EINVAL, "a parameter without name or value");
    request.parameters.emplace_back(param.name, param.value);
  }
  return request;
}

unload_request request_of(int how, std::int64_t timeout_ns) {
  unload_request request;
  request.how = how & ~(KHELP_UNLOAD_FORCE | KHELP_UNLOAD_WHEN_FREE);
  request.force = (how & KHELP_UNLOAD_FORCE) != 0;
  request.when_free = (how & KHELP_UNLOAD_WHEN_FREE) != 0;
  request.timeout_ns = timeout_ns;
  return request;
}

/// A number for the caller, or the failure.
result<void> give(const result<std::int32_t>& found, std::int32_t* to) {
  if (!found)
    return found.error();
  *to = *found;
  return {};
}

/// The caller has the words; the log has them too, a line for each reason. Not graver than that: who
/// waits until an unload is possible is refused often.
void tell_refusal(std::string_view what, const failure& why) {
  std::string_view rest = why.detail;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    log(KHELP_LOG_INFO, {what, rest.substr(0, end)});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

int khelp_load(const char* name, const struct khelp_load_options* options, int32_t* id) {
  return cold_call([&]() -> result<void> {
    const auto request = request_of(name, options);
    if (!request)
      return request.error();
    const auto loaded = load(*request);
    if (!loaded) {
      tell_refusal(concat(quoted(request->name), " is not loaded: "), loaded.error());
      return loaded.error();
    }
    if (id != nullptr)
      *id = *loaded;
    return {};
  });
}

int khelp_check_load(const char* file, const struct khelp_load_options* options,
                     void (*fn)(void* arg, int severity, const char* line), void* arg) {
  return cold_call([&]() -> result<void> {
    const auto request = request_of(file, options);
    if (!request)
      return request.error();
    return check_file(*request, fn, arg);
  });
}

int khelp_check_file(const char* file, void (*fn)(void* arg, int severity, const char* line),
                     void* arg) {
  return khelp_check_load(file, nullptr, fn, arg);
}

int khelp_unload(int32_t id, int how, int64_t timeout_ns) {
  return cold_call([&] {
    auto unloaded = unload(id, request_of(how, timeout_ns));
    if (!unloaded)
      tell_refusal(concat("file ", id, " is not unloaded: "), unloaded.error());
    return unloaded;
  });
}

int32_t khelp_module_find(const char* name) {
  return name == nullptr ? -1 : the_files().find(name);
}

int khelp_modules(void (*fn)(void* arg, const struct khelp_module_info* info), void* arg) {
  return cold_call([&]() -> result<void> {
    for (file_table::listing& line : the_files().list()) {
      line.info.name = line.name.c_str();
      line.info.file = line.path.c_str();
      line.info.reason = line.reason.c_str();
      line.info.held_by = line.held_by.c_str();
      fn(arg, &line.info);
    }
    return {};
  });
}

int khelp_kld_next(int32_t id, int32_t* next) {
  return cold_call([&] { return give(the_files().file_after(id), next); });
}

int khelp_kld_find(const char* name, int32_t* id) {
  return cold_call([&] { return give(the_files().file_named(name), id); });
}

int khelp_kld_stat(int32_t id, struct khelp_kld_info* info) {
  return cold_call([&]() -> result<void> {
    if (info->size < sizeof *info)
      return failure(EINVAL, "struct khelp_kld_info is shorter than this library's");
    return the_files().describe(id, *info);
  });
}

int khelp_kld_sym(int32_t id, const char* symbol, void** address, uint64_t* size) {
  return cold_call([&]() -> result<void> {
    if (symbol == nullptr || *symbol == '\0')
      return failure(EINVAL, "a symbol without a name");
    const auto found = the_files().find_symbol(id, symbol);
    if (!found)
      return found.error();
    *address = found->address;
    if (size != nullptr)
      *size = found->size;
    return {};
  });
}

int khelp_kld_first_module(int32_t id, int32_t* module) {
  return cold_call([&] { return give(the_files().newest_module(id), module); });
}

int khelp_mod_next(int32_t id, int32_t* next) {
  return cold_call([&] { return give(the_files().module_after(id), next); });
}

int khelp_mod_next_in_file(int32_t id, int32_t* next) {
  return cold_call([&] { return give(the_files().module_before_in_file(id), next); });
}

int khelp_mod_find(const char* name, int32_t* id) {
  return cold_call([&] { return give(the_files().module_named(name), id); });
}

int khelp_mod_stat(int32_t id, struct khelp_mod_info* info) {
  return cold_call([&]() -> result<void> {
    if (info->size < sizeof *info)
      return failure(EINVAL, "struct khelp_mod_info is shorter than this library's");
    return the_files().describe_module(id, *info);
  });
}
