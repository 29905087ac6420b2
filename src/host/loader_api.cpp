// The C face of the loader (khelp/loader.h).

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <khelp/loader.h>

#include "core/cold_call.hpp"
#include "host/loader.hpp"

namespace {

using namespace khelp;

/// KHELP_LOAD=path does for all loads of a process what KHELP_LOAD_DEBUG does for one.
bool environment_wants_paths() {
  const char* wanted = secure_getenv("KHELP_LOAD");
  return wanted != nullptr && std::string_view(wanted) == "path";
}

result<load_request> request_of(const char* name, const khelp_load_options* options) {
  if (name == nullptr)
    return failure(EINVAL, "a module without a name");
  load_request request;
  request.name = name;
  request.by_path = environment_wants_paths();
  if (options == nullptr)
    return request;
  if (options->size < sizeof *options || (options->flags & ~KHELP_LOAD_DEBUG) != 0)
    return failure(EINVAL, "unknown load options");
  request.by_path = request.by_path || (options->flags & KHELP_LOAD_DEBUG) != 0;
  if (options->module_path != nullptr)
    request.path_first = options->module_path;
  for (std::uint32_t i = 0; i < options->nparams; i++) {
    const khelp_load_param& param = options->params[i];
    if (param.name == nullptr || param.value == nullptr)
      return failure(EINVAL, "a parameter without name or value");
    request.parameters.emplace_back(param.name, param.value);
  }
  return request;
}

}  // namespace

int khelp_load(const char* name, const struct khelp_load_options* options, int32_t* id) {
  return cold_call([&]() -> result<void> {
    const auto request = request_of(name, options);
    if (!request)
      return request.error();
    const auto loaded = the_loader().load(*request);
    if (!loaded)
      return loaded.error();
    if (id != nullptr)
      *id = *loaded;
    return {};
  });
}

int khelp_unload(int32_t id, int how, int64_t timeout_ns) {
  return cold_call([&] { return the_loader().unload(id, how, timeout_ns); });
}

int32_t khelp_module_find(const char* name) {
  return name == nullptr ? -1 : the_loader().find(name);
}

int khelp_modules(void (*fn)(void* arg, const struct khelp_module_info* info), void* arg) {
  return cold_call([&]() -> result<void> {
    for (loader::listing& line : the_loader().list()) {
      line.info.name = line.name.c_str();
      line.info.file = line.path.c_str();
      line.info.reason = line.reason.c_str();
      fn(arg, &line.info);
    }
    return {};
  });
}
