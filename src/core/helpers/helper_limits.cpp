// Helpers that are limited to some instances.
#include <cerrno>
#include <utility>

#include <khelp/khelp.h>
#include <khelp/vnet.h>

#include "base/cold_call.hpp"
#include "core/instances/instance.hpp"
#include "core/points/hook_registry.hpp"
#include "sync/reaper.hpp"

using namespace khelp;

extern "C" int khelp_helper_limit(const char* name, khelp_vnet* const* instances, uint32_t count) {
  return cold_call([&]() -> result<void> {
    if (name == nullptr || *name == '\0')
      return failure(EINVAL, "a helper without a name");
    std::optional<hook_registry::instance_list> list;
    if (instances == nullptr && count != 0)
      return failure(EINVAL, "a number of instances, but no list of them");
    if (instances != nullptr) {
      list.emplace();
      for (uint32_t i = 0; i < count; ++i) {
        const auto serial = the_instances().serial_of(instances[i]);
        if (!serial)
          return serial.error();
        list->insert(*serial);
      }
    }
    auto limited = the_hooks().limit(name, std::move(list));
    reap();
    return limited;
  });
}
