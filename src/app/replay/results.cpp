#include "app/replay/results.hpp"

#include "app/cli/messages.hpp"
#include "app/cli/terminal.hpp"
#include "app/report/numbered_text.hpp"

namespace khelp::app {

result<void> results::begin(const std::vector<helper_schema>& schemas) {
  auto made = make_report_writer(asked_.report, schemas, of_standard_output(), to_.standard());
  if (!made)
    return std::move(made).error();
  writer_ = std::move(*made);
  return {};
}

void results::add(const replay_event& next, std::string_view text, std::uint64_t number) {
  if (next.kind == replay_event::sample) {
    write_numbered(*to_.samples(), text, number);
    return;
  }
  ++summary.connections;
  summary.directions_with_data += next.directions_with_data;
  summary.copies += next.copies;
  writer_->add({text, number, next.kept.get()});
  if (to_.wants_plot())
    draw(*next.kept);
}

void results::draw(const closed_connection& closed) {
  for (std::size_t i = 0; i < closed.curves.size(); ++i) {
    const direction_report& direction = closed.report.directions[i];
    if (closed.curves[i])
      drawn_.add({plot_label(direction, asked_.report.instance_by, closed.report.instance),
                  closed.curves[i]->large});
  }
}

bool results::finish(bool anything_to_report) {
  bool whole = true;
  if (anything_to_report)
    whole &= complete(writer_->finish(summary));
  return to_.finish(drawn_) && whole;
}

}  // namespace khelp::app
