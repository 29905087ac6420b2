#include "app/cli/progress.hpp"

#include <cmath>
#include <fmt/format.h>

#include "app/cli/printable.hpp"
#include "app/cli/units.hpp"

namespace khelp::app {
namespace {

constexpr int bar_width = 20;

}  // namespace

std::string progress_text(const std::string& file, std::optional<double> share,
                          std::uint64_t packets) {
  if (!share)
    return fmt::format("{}  {} packets", printable(file), grouped(packets));
  const int filled = static_cast<int>(*share * bar_width);
  return fmt::format("{}  [{:#<{}}{:.<{}}]  {} %  {} packets", printable(file), "", filled, "",
                     bar_width - filled, std::lround(*share * 100), grouped(packets));
}

void progress::show(time now, const std::string& text) {
  // To the line's start, and afterwards erase what is left of an older text.
  (void)std::fprintf(terminal_, "\r%s\x1b[K", text.c_str());
  (void)std::fflush(terminal_);
  drawn_ = now;
  visible_ = true;
}

void progress::clear() {
  if (!visible_)
    return;
  (void)std::fputs("\r\x1b[K", terminal_);
  (void)std::fflush(terminal_);
  visible_ = false;
}

}  // namespace khelp::app
