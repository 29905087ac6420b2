// vnet(9), the part that identity of points needs: create, destroy, current per thread.
#include <atomic>
#include <new>
#include <utility>

#include <khelp/vnet.h>

#include "base/log.hpp"
#include "core/cold_call.hpp"
#include "core/hook_registry.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

constexpr std::uint32_t dead_magic = 0xdeadbeef;

std::atomic<std::uint64_t> last_serial{0};
__thread khelp_vnet* current __attribute__((tls_model("initial-exec"))) = nullptr;

result<void> destroy_instance(khelp_vnet& vnet) {
  if (inside_section())
    return failure(EDEADLK, "waiting inside a hook would never end");
  for (khelp_hhook_head* head : the_hooks().points_of_instance(vnet.vnet_serial)) {
    log(KHELP_LOG_WARNING, {"hook point ", to_string({head->hhh_type, head->hhh_id}),
                            ": left in an instance that ends; cleanup required"});
    if (auto removed = the_hooks().remove_point(head, true); !removed)
      return removed;
  }
  if (current == &vnet)
    current = nullptr;
  vnet.vnet_magic_n = dead_magic;
  delete &vnet;
  return {};
}

}  // namespace
}  // namespace khelp

extern "C" khelp_vnet* khelp_vnet_alloc(void) {
  auto* vnet = new (std::nothrow) khelp_vnet{};
  if (vnet == nullptr) {
    khelp::report(khelp::failure(ENOMEM));
    return nullptr;
  }
  vnet->vnet_magic_n = KHELP_VNET_MAGIC;
  vnet->vnet_serial = ++khelp::last_serial;
  return vnet;
}

extern "C" int khelp_vnet_destroy(khelp_vnet* vnet) {
  return khelp::cold_call([&] { return khelp::destroy_instance(*vnet); });
}

extern "C" khelp_vnet* khelp_vnet_current(void) noexcept {
  return khelp::current;
}

extern "C" khelp_vnet* khelp_vnet_set_current(khelp_vnet* vnet) noexcept {
  return std::exchange(khelp::current, vnet);
}
