#include "host/process_end.hpp"

#include <new>
#include <vector>

#include "base/cancellation.hpp"
#include "base/log.hpp"
#include "core/helpers/helper_registry.hpp"
#include "host/files.hpp"

namespace khelp {

void end_modules_with_process() noexcept {
  const no_cancellation later;
  constexpr std::int64_t patience_ns = 100'000'000;
  try {
    std::vector<file_ref> live;
    if (!the_files().shut_down(live))
      return;
    std::vector<module_range> code;
    code.reserve(live.size());
    for (const file_ref& f : live)
      code.push_back(f->range());
    if (!the_helpers().stop_modules(code, patience_ns))
      log(KHELP_LOG_WARNING, {"the process ends, and a thread may still be in a hook of a module, "
                              "whose static objects end now"});
    for (; !live.empty(); live.pop_back()) {
      loaded_file& f = *live.back();
      if (!the_files().begin_shutdown(f))
        continue;
      f.modules.shut_down();
      the_files().stays_live(f);
    }
  } catch (const std::bad_alloc&) {
    log(KHELP_LOG_WARNING, {"the process ends: no memory to stop the modules' hooks"});
  }
}

}  // namespace khelp
