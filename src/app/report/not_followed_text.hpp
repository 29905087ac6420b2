/// What a replay says of frames that it did not follow, or could not measure with.
#pragma once

#include <cstdint>
#include <string>

#include "app/report/report.hpp"

namespace khelp::app {

/// "1,200 frames of an unknown link type, 4 of ..."; "": there were none.
std::string not_followed_text(const reason_counts& counts);

/// Frames, for whatever reason.
std::uint64_t all_of(const reason_counts& counts);
/// Add the counts of one more capture.
void add_reasons(reason_counts& to, const reason_counts& more);

/// "1,200 packets without a time: nothing is measured with them".
std::string without_time_text(std::uint64_t packets);

/// They are more than a few, or all that there was: people are told, whatever the report's form.
bool many_not_followed(const capture_report& capture);
bool many_without_time(const capture_report& capture);

}  // namespace khelp::app
