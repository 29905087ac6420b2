#include "app/cli/terminal.hpp"

#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace khelp::app {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value != nullptr && *value != '\0';
}

bool is_smart(int descriptor) {
  const char* kind = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): one thread
  return isatty(descriptor) != 0 && kind != nullptr && std::string_view(kind) != "dumb";
}

}  // namespace

appearance of_standard_output() {
  appearance look;
  look.colour = is_smart(STDOUT_FILENO) && !is_set("NO_COLOR");
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
    look.width = size.ws_col;
  return look;
}

bool wants_progress() {
  return is_smart(STDERR_FILENO);
}

}  // namespace khelp::app
