// hhook(9): adding hooks, each on behalf of the helper that it is found to be of.
#include <utility>

#include <khelp/hhook.h>

#include "base/cold_call.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/points/hhook_flags.hpp"
#include "core/points/wishes.hpp"
#include "sync/reaper.hpp"

namespace khelp {
namespace {

// Hooks of one point: the same wish, for this instance alone.
result<void> add_to_point(khelp_hhook_head& head, const khelp_hookinfo& hook) {
  auto wish = make_wish(hook);
  wish->info.hook_type = head.hhh_type;
  wish->info.hook_id = head.hhh_id;
  wish->everywhere = false;
  wish->instance = head.hhh_vid;
  return the_helpers().add_hook(std::move(wish), true);
}

}  // namespace
}  // namespace khelp

using namespace khelp;

extern "C" {

int khelp_hhook_add_hook(khelp_hhook_head* hhh, khelp_hookinfo* hki, uint32_t flags) {
  return cold_call([&]() -> result<void> {
    if (hhh == nullptr)
      return failure(ENOENT, "no hook point was given");
    if (auto checked = check_flags(flags); !checked)
      return checked;
    auto added = add_to_point(*hhh, *hki);
    reap();
    return added;
  });
}

int khelp_hhook_add_hook_lookup(khelp_hookinfo* hki, uint32_t flags) {
  return cold_call([&]() -> result<void> {
    if (auto checked = check_flags(flags); !checked)
      return checked;
    auto added = the_helpers().add_hook(make_wish(*hki), (flags & KHELP_HHOOK_STRICT) != 0);
    reap();
    return added;
  });
}

int khelp_hhook_add_hook_x(const khelp_hookinfo_x* hki, uint32_t flags) {
  return cold_call([&]() -> result<void> {
    if (auto checked = check_flags(flags); !checked)
      return checked;
    auto wish = make_wish(*hki);
    if (!wish)
      return std::move(wish).error();
    auto added = the_helpers().add_hook(std::move(*wish), (flags & KHELP_HHOOK_STRICT) != 0);
    reap();
    return added;
  });
}

}  // extern "C"
