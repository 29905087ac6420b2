#include "app/khelp/not_followed_text.hpp"

#include "app/khelp/units.hpp"

namespace khelp::app {

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

bool many_not_followed(const capture_report& capture) {
  constexpr std::uint64_t few = 8;
  return capture.not_followed.most() > few ||
         (capture.tcp_segments == 0 && capture.not_followed.all() != 0);
}

}  // namespace khelp::app
