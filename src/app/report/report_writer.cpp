#include "app/report/report_writer.hpp"

#include <utility>

#include "app/report/csv_report.hpp"
#include "app/report/json_report.hpp"
#include "app/report/memory_report.hpp"
#include "app/report/numbered_text.hpp"
#include "app/report/ranking.hpp"
#include "app/report/sparkline.hpp"
#include "app/report/table.hpp"

namespace khelp::app {
namespace {

/// Keeps the busiest of the whole connections.
class table_writer final : public report_writer {
 public:
  table_writer(const report_options& asked, const std::vector<helper_schema>& schemas,
               const appearance& look, output& out)
      : instances_(asked.instance_by),
        ranking_(asked.top),
        schemas_(schemas),
        look_(look),
        out_(out) {}

  void add(const reported_connection& connection) override {
    const auto& [report, curves] = *connection.whole;
    for (std::size_t i = 0; i < report.directions.size(); ++i) {
      const direction_report& direction = report.directions[i];
      if (direction.bytes == 0)
        continue;
      const bool drawn = curves[i] && ranking_.would_keep(direction);
      ranking_.add(direction, drawn ? sparkline(curves[i]->small) : "", report.instance);
    }
  }

  bool failed() const override { return out_.failed(); }

  result<void> finish(const replay_summary& summary) override {
    const auto busiest = ranking_.take();
    out_.write(directions_table(busiest, ranking_.others(), schemas_, look_, instances_));
    out_.write("\n");
    out_.write(totals_text(summary));
    if (summary.memory)
      out_.write("\n" + memory_text(*summary.memory, look_.colour));
    return out_.flush();
  }

 private:
  const std::string instances_;
  ranking ranking_;
  const std::vector<helper_schema>& schemas_;
  const appearance look_;
  output& out_;
};

/// The document begins with the captures, which are known last: connections wait on disk.
class json_report_writer final : public report_writer {
 public:
  json_report_writer(output connections, const std::vector<helper_schema>& schemas, output& out)
      : connections_(std::move(connections)), json_(schemas), out_(out) {}

  void append_text(std::string& to, const connection_report& connection) const override {
    json_.append(to, connection);
  }

  void add(const reported_connection& connection) override {
    if (!std::exchange(first_, false))
      connections_.write(",\n");
    write_numbered(connections_, connection.text, connection.number);
  }

  bool failed() const override { return connections_.failed(); }

  result<void> finish(const replay_summary& summary) override {
    if (auto written = write_json_document(summary, connections_, out_); !written)
      return written;
    return out_.flush();
  }

 private:
  output connections_;
  const connection_json json_;
  output& out_;
  bool first_ = true;
};

/// Rows are written as connections close.
class csv_writer final : public report_writer {
 public:
  csv_writer(const std::vector<helper_schema>& schemas, output& out)
      : schemas_(schemas), out_(out) {
    out_.write(csv_header(schemas_));
  }

  void append_text(std::string& to, const connection_report& connection) const override {
    to += csv_rows(connection, schemas_);
  }

  void add(const reported_connection& connection) override {
    write_numbered(out_, connection.text, connection.number);
  }

  bool failed() const override { return out_.failed(); }
  result<void> finish(const replay_summary&) override { return out_.flush(); }

 private:
  const std::vector<helper_schema>& schemas_;
  output& out_;
};

}  // namespace

result<std::unique_ptr<report_writer>> make_report_writer(const report_options& asked,
                                                          const std::vector<helper_schema>& schemas,
                                                          const appearance& look, output& out) {
  if (asked.form == report_form::csv)
    return std::unique_ptr<report_writer>(new csv_writer(schemas, out));
  if (asked.form == report_form::table)
    return std::unique_ptr<report_writer>(new table_writer(asked, schemas, look, out));
  auto spill = output::temporary();
  if (!spill)
    return std::move(spill).error();
  return std::unique_ptr<report_writer>(new json_report_writer(std::move(*spill), schemas, out));
}

}  // namespace khelp::app
