/// The replay's JSON document, in pieces that need no more memory than one connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/json_writer.hpp"
#include "app/cli/output.hpp"
#include "app/report/report.hpp"

namespace khelp::app {

/// Connections as text, one line each, without its end. Keys are sorted.
///
/// What a helper's fields look like around their values is the same for every connection, and is
/// made once.
class connection_json {
 public:
  explicit connection_json(const std::vector<helper_schema>& schemas);

  /// With number_goes_here for its number.
  void append(std::string& text, const connection_report& connection) const;

 private:
  /// A value in a helper's object: where its "null" stands, and which field's it is.
  struct value_place {
    std::size_t at;
    std::size_t field;
    std::uint32_t kind;
  };
  struct helper_layout {
    std::string name;
    std::size_t at = 0;  ///< among the schemas
    bool raw = false;
    std::string nothing_known;  ///< the object, each of its values null
    std::vector<value_place> values;
  };

  static helper_layout layout_of(const helper_schema& schema, std::size_t at);
  static void write_helper(json_writer& json, const helper_layout& helper,
                           const std::optional<helper_data>& data);
  void write_direction(json_writer& json, const direction_report& direction) const;

  std::vector<helper_layout> helpers_;  ///< by name
};

/// The whole document; `connections` holds its connections, separated by ",\n", and is used up.
result<void> write_json_document(const replay_summary& summary, output& connections, output& out);

}  // namespace khelp::app
