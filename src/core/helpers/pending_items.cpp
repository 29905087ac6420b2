#include "core/helpers/pending_items.hpp"

#include <cerrno>
#include <chrono>
#include <cxxabi.h>
#include <exception>
#include <string_view>

#include "base/cancellation.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/item_call.hpp"

namespace khelp {
namespace {

// An object goes without this helper's data. Told at once, then once in a while: a constructor that
// fails for one object fails for many.
void count_refusal(helper& h, std::string_view how, std::string_view words) noexcept {
  constexpr std::int64_t told_every_ns = 60'000'000'000;
  bump(h.block, cell_refused);
  const std::int64_t now =
      std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  std::int64_t told = h.refusal_told_ns;
  if (now < told || !h.refusal_told_ns.compare_exchange_strong(told, now + told_every_ns)) {
    ++h.refusals_untold;
    return;
  }
  const std::uint64_t untold = h.refusals_untold.exchange(0);
  const number_text others(untold);
  log(KHELP_LOG_WARNING, {"helper '", h.name, "': the constructor of its per-object data ", how,
                          words, "; the object goes without",
                          untold == 0 ? "" : ", as did others since the last such message: ",
                          untold == 0 ? std::string_view() : std::string_view(others)});
}

making make_item_or_throw(pending_item& g) {
  const item_call in_progress;
  helper& h = *g.from;
  g.item = khelp_uma_zalloc_arg(h.zone, nullptr, KHELP_M_NOWAIT | KHELP_M_ZERO);
  if (g.item == nullptr)
    return making::no_memory;
  if (h.native != nullptr && h.native->data_init != nullptr) {
    const int error = h.native->data_init(g.item, nullptr, KHELP_M_NOWAIT);
    if (error == ENOMEM)
      return making::no_memory;
    if (error != 0) {
      count_refusal(h, "answered: ", khelp_strerror(error));
      return making::refused;
    }
  }
  g.is_made = true;
  return making::done;
}

}  // namespace

KHELP_CATCHES_FORCED_UNWINDING making make_item(pending_item& g) {
  try {
    return make_item_or_throw(g);
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::bad_alloc&) {
    return making::no_memory;
  } catch (const std::exception& e) {
    count_refusal(*g.from, "threw: ", e.what());
  } catch (...) {
    count_refusal(*g.from, "threw ", "something that is no std::exception");
  }
  return making::refused;
}

}  // namespace khelp
