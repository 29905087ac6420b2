#include "app/replay/connection_report.hpp"

#include "subsystem/tcp/address.hpp"

namespace khelp::app {

connection_report describe(
    const tcp::flow& flow,
    const std::function<std::vector<std::optional<helper_data>>(const tcp::end&)>& read) {
  connection_report report;
  report.instance = flow.key.instance;
  report.opened = flow.opened();
  for (std::size_t i = 0; i < reported_ends(flow); ++i) {
    const tcp::end& sender = flow.ends[i];
    direction_report direction;
    direction.src = tcp::local_text(sender.who);
    direction.dst = tcp::foreign_text(sender.who);
    direction.segments = sender.stats.data_segments;
    direction.bytes = sender.stats.bytes;
    direction.retransmitted = sender.stats.retransmitted;
    direction.copies = sender.stats.copies;
    direction.helpers = read(sender);
    report.directions.push_back(std::move(direction));
  }
  return report;
}

}  // namespace khelp::app
