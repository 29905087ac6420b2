// vnet(9): the C face of the instances.
#include "core/instances/instance.hpp"

#include <utility>

#include <khelp/vnet.h>

#include "base/cold_call.hpp"

namespace khelp {
namespace {

__thread khelp_vnet* current __attribute__((tls_model("initial-exec"))) = nullptr;

}  // namespace
}  // namespace khelp

using namespace khelp;

extern "C" {

khelp_vnet* khelp_vnet_alloc(int* error) {
  khelp_vnet* made = nullptr;
  const int code = cold_call([&]() -> result<void> {
    auto created = the_instances().create();
    if (!created)
      return std::move(created).error();
    made = *created;
    return {};
  });
  if (error != nullptr)
    *error = code;
  return made;
}

int khelp_vnet_destroy(khelp_vnet* vnet) {
  return cold_call([&] { return the_instances().destroy(vnet); });
}

khelp_vnet* khelp_vnet_default(void) noexcept {
  return the_instances().first();
}

khelp_vnet* khelp_vnet_current(void) noexcept {
  return current;
}

khelp_vnet* khelp_vnet_set_current(khelp_vnet* vnet) noexcept {
  return std::exchange(current, vnet);
}

void khelp_vnet_list_lock(void) noexcept {
  the_instances().hold_list();
}

void khelp_vnet_list_unlock(void) noexcept {
  the_instances().let_list_go();
}

khelp_vnet* khelp_vnet_next(const khelp_vnet* vnet) noexcept {
  return the_instances().next_listed(vnet);
}

int khelp_vnet_register_sysinit(const khelp_sysinit* start) {
  return cold_call([&] { return the_instances().add_start(*start); });
}

int khelp_vnet_deregister_sysinit(const khelp_sysinit* start) {
  return cold_call([&] { return the_instances().remove_start(*start); });
}

int khelp_vnet_register_sysuninit(const khelp_sysinit* end) {
  return cold_call([&] { return the_instances().add_end(*end); });
}

int khelp_vnet_deregister_sysuninit(const khelp_sysinit* end) {
  return cold_call([&] { return the_instances().remove_end(*end); });
}

int khelp_vnet_variables_add(const void* templates, size_t size, khelp_vnet_variable* variables,
                             size_t count) {
  return cold_call([&] {
    return the_instances().add_variables(templates, size, {variables, count});
  });
}

int khelp_vnet_variables_remove(khelp_vnet_variable* variables, size_t count) {
  return cold_call([&] { return the_instances().remove_variables({variables, count}); });
}

}  // extern "C"
