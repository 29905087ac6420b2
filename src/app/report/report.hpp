/// What a replay found out: the plain data that every form of output is made from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <khelp/khelp.h>

#include "snapshot/helpers.hpp"
#include "snapshot/memory.hpp"

namespace khelp::app {

/// One thing a helper reports per object.
struct field_spec {
  std::string name;  ///< "a.b" is member b of group a
  std::uint32_t kind = KHELP_FIELD_NUMBER;
  bool in_table = false;
};

/// What one helper reports. Outlives the helper: after an unload the results are still printed.
struct helper_schema {
  std::string name;
  std::vector<field_spec> fields;
  bool raw = false;  ///< instead of fields: the bytes of its data, in hexadecimal
};

/// What one helper kept on one end of a connection.
struct helper_data {
  std::vector<std::optional<std::int64_t>> values;  ///< by the schema's fields
  std::string raw;                                  ///< hexadecimal digits, if the schema says so
  bool report_threw = false;                        ///< its report function did: no values
};

/// The data one end sent, and what helpers measured of it. Named after its sender.
struct direction_report {
  std::string src;
  std::string dst;
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t retransmitted = 0;
  std::uint64_t copies = 0;                         ///< captured again: none of the above
  std::vector<std::optional<helper_data>> helpers;  ///< by the schemas; none: it kept no data here
};

/// Everything but its number, which is known last: see gathering.
struct connection_report {
  std::uint64_t instance = 0;
  bool opened = false;                       ///< its SYN was seen
  std::vector<direction_report> directions;  ///< two; one if the socket talks to itself
};

/// Frames that were not followed, for one reason.
struct reason_count {
  const char* key;   ///< JSON
  const char* text;  ///< after "5 frames"
  std::uint64_t frames = 0;
};

/// All reasons there are, in the order of their keys; those of no frame, too.
using reason_counts = std::vector<reason_count>;

/// How far one capture was read.
struct capture_report {
  std::string file;
  std::string link_type;
  std::uint64_t packets = 0;
  std::uint64_t tcp_segments = 0;
  std::uint64_t malformed = 0;
  std::optional<std::int64_t> first_ns;  ///< capture time of the first and the last packet
  std::optional<std::int64_t> last_ns;
  std::string error;            ///< empty: read to its end
  std::uint64_t fragments = 0;  ///< packets that are pieces of IP packets
  reason_counts not_followed{};
  std::uint64_t without_time = 0;  ///< packets
};

/// Everything but the connections, which are too many to hold.
struct replay_summary {
  std::vector<capture_report> captures;
  bool interrupted = false;            ///< a signal ended it, in the last of the captures
  std::vector<std::string> not_begun;  ///< captures that came after that
  std::uint64_t connections = 0;
  std::uint64_t directions_with_data = 0;
  std::uint64_t copies = 0;  ///< segments that were captured again
  std::vector<snapshot::helper_info> helpers;
  std::optional<snapshot::memory_info>
      memory;                   ///< --mem: when the captures were read, helpers still loaded
  std::string instance_by;      ///< what connections' instances are: "vlan", "file", or "none"
  std::int64_t elapsed_us = 0;  ///< how long the replay took, on the wall
};

}  // namespace khelp::app
