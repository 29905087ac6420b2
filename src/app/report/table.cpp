#include "app/report/table.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "app/cli/printable.hpp"
#include "app/cli/text_grid.hpp"
#include "app/cli/units.hpp"
#include "app/report/not_followed_text.hpp"

namespace khelp::app {
namespace {

using row = std::vector<text_grid::cell>;

const auto quiet = fmt::text_style(fmt::emphasis::faint);
const auto warning = fmt::fg(fmt::terminal_color::yellow);
const auto curve = fmt::fg(fmt::terminal_color::cyan);

std::string value_text(std::uint32_t kind, std::optional<std::int64_t> value) {
  if (!value)
    return "-";
  switch (kind) {
    case KHELP_FIELD_COUNT:
      return grouped(static_cast<std::uint64_t>(*value));
    case KHELP_FIELD_BYTES:
      return readable_bytes(static_cast<std::uint64_t>(*value));
    case KHELP_FIELD_DURATION:
      return readable_duration(*value);
    case KHELP_FIELD_FLAGS:
      return fmt::format("{:#x}", static_cast<std::uint64_t>(*value));
    default:
      return std::to_string(*value);
  }
}

/// The cell shows the unit, so the title need not: "min_us" is "MIN".
std::string title(const field_spec& field) {
  std::string name = field.name;
  if (field.kind == KHELP_FIELD_DURATION && name.ends_with("_us"))
    name.resize(name.size() - 3);
  for (char& c : name)
    c = c == '_' ? ' ' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return printable(name);
}

/// Builds the grid: the columns are the same for headings, directions and others.
class directions_grid {
 public:
  directions_grid(const std::vector<helper_schema>& schemas, bool with_curves,
                  std::string instance_title)
      : schemas_(schemas),
        with_curves_(with_curves),
        instance_title_(std::move(instance_title)),
        grid_(columns()) {}

  void headings() {
    row groups(first_columns());
    row titles = first_cells({instance_title_, title_style});
    const row fixed = {{"SENDER", title_style},
                       {"RECEIVER", title_style},
                       {"SEGMENTS", title_style},
                       {"DATA", title_style},
                       {"RESENT", title_style}};
    titles.insert(titles.end(), fixed.begin(), fixed.end());
    for (const helper_schema& schema : schemas_) {
      bool first = true;
      for (const field_spec& field : schema.fields) {
        if (!field.in_table)
          continue;
        groups.push_back({first ? printable(schema.name) : "", quiet});
        titles.push_back({title(field), title_style});
        first = false;
      }
    }
    if (groups.size() > first_columns())
      grid_.row(std::move(groups));
    if (with_curves_)
      titles.push_back({"RTT OVER TIME", title_style});
    for (const text_grid::cell& one : titles)
      titles_.push_back(one.text);
    grid_.row(std::move(titles));
  }

  void direction(const ranked_direction& ranked) {
    const direction_report& sent = ranked.direction;
    row cells = first_cells({std::to_string(ranked.instance)});
    const row fixed = {
        {sent.src},
        {sent.dst},
        {grouped(sent.segments)},
        {readable_bytes(sent.bytes)},
        {grouped(sent.retransmitted), sent.retransmitted > 0 ? warning : fmt::text_style()}};
    cells.insert(cells.end(), fixed.begin(), fixed.end());
    for (std::size_t i = 0; i < schemas_.size(); ++i) {
      for (std::size_t f = 0; f < schemas_[i].fields.size(); ++f) {
        const field_spec& field = schemas_[i].fields[f];
        if (!field.in_table)
          continue;
        const auto& data = sent.helpers[i];
        cells.push_back({value_text(field.kind, data ? data->values[f] : std::nullopt)});
      }
    }
    cells.push_back({ranked.sparkline, curve});
    cells.resize(columns().size());
    grid_.row(std::move(cells));
    raw_lines(sent);
  }

  void others(const other_directions& sum) {
    row cells = first_cells({""});
    const row fixed = {{fmt::format("others ({})", grouped(sum.directions)), quiet},
                       {""},
                       {grouped(sum.segments)},
                       {readable_bytes(sum.bytes)},
                       {grouped(sum.retransmitted)}};
    cells.insert(cells.end(), fixed.begin(), fixed.end());
    grid_.row(std::move(cells));
  }

  /// What had to go is named.
  void fit(std::size_t width) {
    if (grid_.width() <= width)
      return;
    std::string gone;
    if (with_curves_)
      drop_last(gone);
    shorten_addresses(width);
    while (grid_.width() > width && titles_.size() > 1)
      drop_last(gone);
    if (grid_.width() > width)
      grid_.narrow(sender(), width);
    if (!gone.empty())
      grid_.line("no room for: " + gone);
  }

  std::string render(bool colour) const { return grid_.render(colour); }

 private:
  static constexpr std::size_t fixed_columns = 5;
  static constexpr std::size_t shortest_address = 12;

  void drop_last(std::string& gone) {
    gone = titles_.back() + (gone.empty() ? "" : ", ") + gone;
    titles_.pop_back();
    grid_.drop_last();
  }

  /// Both get an equal share of the room, or one what the other leaves.
  void shorten_addresses(std::size_t width) {
    const std::size_t senders = grid_.width(sender());
    const std::size_t receivers = grid_.width(receiver());
    const std::size_t others = grid_.width() - senders - receivers;
    const std::size_t room = std::max(width, others) - others;
    const auto share = [room](std::size_t peer) {
      return std::max({room / 2, room - std::min(room, peer), shortest_address});
    };
    if (senders + receivers <= room)
      return;
    grid_.narrow(sender(), share(receivers));
    grid_.narrow(receiver(), share(senders));
  }

  bool with_instances() const { return !instance_title_.empty(); }
  std::size_t sender() const { return with_instances() ? 1 : 0; }
  std::size_t receiver() const { return sender() + 1; }
  std::size_t first_columns() const { return fixed_columns + (with_instances() ? 1 : 0); }
  row first_cells(text_grid::cell instance) const {
    return with_instances() ? row{std::move(instance)} : row{};
  }

  std::vector<align> columns() const {
    std::vector<align> all = {align::left, align::left, align::right, align::right, align::right};
    if (with_instances())
      all.insert(all.begin(), align::right);
    for (const helper_schema& schema : schemas_) {
      for (const field_spec& field : schema.fields) {
        if (field.in_table)
          all.push_back(align::right);
      }
    }
    if (with_curves_)
      all.push_back(align::left);
    return all;
  }

  void raw_lines(const direction_report& sent) {
    for (std::size_t i = 0; i < schemas_.size(); ++i) {
      if (schemas_[i].raw && sent.helpers[i])
        grid_.line(fmt::format("    {}: {}", printable(schemas_[i].name), sent.helpers[i]->raw));
    }
  }

  const std::vector<helper_schema>& schemas_;
  const bool with_curves_;
  const std::string instance_title_;  // empty: there is no such column
  text_grid grid_;
  std::vector<std::string> titles_;  ///< of the columns that are shown
};

std::string counted(std::uint64_t number, const char* one, const char* many) {
  return grouped(number) + " " + (number == 1 ? one : many);
}

std::string partial_line(const replay_summary& summary) {
  if (!summary.interrupted)
    return "";
  std::string line = "partial: interrupted in " + printable(summary.captures.back().file);
  if (!summary.not_begun.empty())
    line += fmt::format("; {} not begun", counted(summary.not_begun.size(), "capture", "captures"));
  return line + "\n";
}

std::string helper_line(const snapshot::helper_info& helper) {
  std::string line = fmt::format(
      "  {} (version {}): attached to {}, called {}", printable(helper.name), helper.version,
      counted(helper.attached_total, "end", "ends"), counted(helper.calls, "time", "times"));
  bool any = false;
  for (int reason = 0; reason < KHELP_SKIP_REASONS; ++reason) {
    const std::uint64_t times = helper.skipped[static_cast<std::size_t>(reason)];
    if (times == 0)
      continue;
    line += any ? ", " : "; skipped: ";
    line += grouped(times) + " " + khelp_skip_name(reason);
    any = true;
  }
  return line + (any ? "\n" : "; nothing skipped\n");
}

}  // namespace

std::string directions_table(const std::vector<ranked_direction>& busiest,
                             const other_directions& others,
                             const std::vector<helper_schema>& schemas, const appearance& look,
                             std::string_view instances) {
  if (busiest.empty() && others.directions == 0)
    return "No direction carried data.\n";
  const bool with_curves = std::any_of(busiest.begin(), busiest.end(),
                                       [](const auto& line) { return !line.sparkline.empty(); });
  directions_grid grid(schemas, with_curves,
                       instances == "vlan"   ? "VLAN"
                       : instances == "file" ? "FILE"
                                             : "");
  grid.headings();
  for (const ranked_direction& line : busiest)
    grid.direction(line);
  if (others.directions > 0)
    grid.others(others);
  if (look.width)
    grid.fit(*look.width);
  return grid.render(look.colour);
}

std::string totals_text(const replay_summary& summary) {
  std::uint64_t packets = 0;
  std::uint64_t segments = 0;
  std::uint64_t malformed = 0;
  std::uint64_t fragments = 0;
  std::uint64_t without_time = 0;
  reason_counts not_followed;
  for (const capture_report& capture : summary.captures) {
    packets += capture.packets;
    segments += capture.tcp_segments;
    malformed += capture.malformed;
    fragments += capture.fragments;
    without_time += capture.without_time;
    add_reasons(not_followed, capture.not_followed);
  }
  std::string text = partial_line(summary);
  text += fmt::format("{}: {}, {}, {} malformed\n",
                      counted(summary.captures.size(), "capture", "captures"),
                      counted(packets, "packet", "packets"),
                      counted(segments, "TCP segment", "TCP segments"), grouped(malformed));
  if (summary.copies != 0)
    text += "captured again: " + counted(summary.copies, "segment", "segments") + "\n";
  if (fragments != 0)
    text += "fragments: " + counted(fragments, "packet", "packets") + "\n";
  if (all_of(not_followed) != 0)
    text += "not followed: " + not_followed_text(not_followed) + "\n";
  if (without_time != 0)
    text += without_time_text(without_time) + "\n";
  text +=
      fmt::format("{}, {} with data\n", counted(summary.connections, "connection", "connections"),
                  counted(summary.directions_with_data, "direction", "directions"));
  if (!summary.helpers.empty())
    text += "helpers:\n";
  for (const snapshot::helper_info& helper : summary.helpers)
    text += helper_line(helper);
  return text;
}

}  // namespace khelp::app
