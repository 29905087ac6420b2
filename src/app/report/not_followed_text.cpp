#include "app/report/not_followed_text.hpp"

#include "app/cli/units.hpp"

namespace khelp::app {

namespace {
constexpr std::uint64_t few = 8;
}  // namespace

std::string not_followed_text(const tcp::not_followed_counts& counts) {
  std::string text;
  for (std::size_t i = 0; i < tcp::not_followed_texts.size(); ++i) {
    const std::uint64_t frames = counts.by_reason()[i];
    if (frames == 0)
      continue;
    const bool first = text.empty();
    text += (first ? "" : ", ") + grouped(frames);
    if (first)
      text += frames == 1 ? " frame" : " frames";
    text += std::string(" ") + tcp::not_followed_texts[i].words;
  }
  return text;
}

std::string without_time_text(std::uint64_t packets) {
  return grouped(packets) + (packets == 1
                                 ? " packet without a time: nothing is measured with it"
                                 : " packets without a time: nothing is measured with them");
}

bool many_without_time(const capture_report& capture) {
  return capture.without_time > few ||
         (capture.without_time != 0 && capture.without_time == capture.packets);
}

bool many_not_followed(const capture_report& capture) {
  return capture.not_followed.most() > few ||
         (capture.tcp_segments == 0 && capture.not_followed.all() != 0);
}

}  // namespace khelp::app
