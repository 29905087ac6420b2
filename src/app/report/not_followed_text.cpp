#include "app/report/not_followed_text.hpp"

#include <algorithm>

#include "app/cli/units.hpp"

namespace khelp::app {

namespace {
constexpr std::uint64_t few = 8;
}  // namespace

std::string not_followed_text(const reason_counts& counts) {
  std::string text;
  for (const reason_count& reason : counts) {
    if (reason.frames == 0)
      continue;
    const bool first = text.empty();
    text += (first ? "" : ", ") + grouped(reason.frames);
    if (first)
      text += reason.frames == 1 ? " frame" : " frames";
    text += std::string(" ") + reason.text;
  }
  return text;
}

std::uint64_t all_of(const reason_counts& counts) {
  std::uint64_t sum = 0;
  for (const reason_count& reason : counts)
    sum += reason.frames;
  return sum;
}

void add_reasons(reason_counts& to, const reason_counts& more) {
  if (to.empty()) {
    to = more;
    return;
  }
  for (std::size_t i = 0; i < more.size(); ++i)
    to[i].frames += more[i].frames;
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
  const bool many_of_one = std::any_of(capture.not_followed.begin(), capture.not_followed.end(),
                                       [](const reason_count& one) { return one.frames > few; });
  return many_of_one || (capture.tcp_segments == 0 && all_of(capture.not_followed) != 0);
}

}  // namespace khelp::app
