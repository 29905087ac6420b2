#include "base/panic.hpp"

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

#include "base/cancellation.hpp"
#include "base/log.hpp"

namespace khelp {

void panic(std::initializer_list<std::string_view> words) noexcept {
  const no_cancellation later;
  char line[512];
  char* end = line;
  for (std::string_view part : words) {
    const auto room = static_cast<std::size_t>(line + sizeof line - 1 - end);
    end = std::copy_n(part.data(), std::min(part.size(), room), end);
  }
  log(KHELP_LOG_ERROR, {{line, static_cast<std::size_t>(end - line)}});
  // The log may go nowhere; this process ends here, so its standard error may be used.
  *end++ = '\n';
  (void)!write(STDERR_FILENO, line, static_cast<std::size_t>(end - line));
  std::abort();
}

}  // namespace khelp
