/// How a replay closes connections: silent ones, too many that ended, all at its end.
#include <algorithm>
#include <utility>

#include <khelp/clock.h>

#include "subsystem/tcp/replay.hpp"

namespace khelp::tcp {

namespace {
constexpr size_t closing_part_connections = 256;
}  // namespace

void replay_session::flush() {
  settle();
  reassembly_.give_up_all();
  std::vector<event_key> closings;
  for (const auto& each : shards_)
    each->connections().list_flush(packets_, closings);
  close_in_parts(std::move(closings), latest_, closing_reason::flushed);
}

void replay_session::release_data() {
  settle();
  batch_to_fill().release = {packets_, latest_.when_ns};
  dispatch();
  collect_all();
  khelp_clock_set(latest_.when_ns);
}

/// The packet that comes then is the next.
void replay_session::close_silent(const replay_time& when) {
  settle();
  std::vector<event_key> closings;
  for (const auto& each : shards_)
    each->connections().list_silent(packets_ + 1, when, closings);
  close_in_parts(std::move(closings), when, closing_reason::silent);
}

/// Half of those that may be kept stay: the ones that were active last. When that is looked at, and
/// what is found then, depends on the packets only. (Each that is under way may end a connection.)
void replay_session::shed_ended() {
  if (ending_ + segments_under_way_ + batches_.vacant().segments.size() <=
      wanted_.limits.ending_flows)
    return;
  settle();
  std::vector<event_key> closings;
  for (const auto& each : shards_)
    each->connections().list_ended(packets_, closings);
  if (closings.size() <= wanted_.limits.ending_flows)
    return;
  const auto kept = static_cast<ptrdiff_t>(wanted_.limits.ending_flows / 2);
  std::nth_element(closings.begin(), closings.end() - kept, closings.end());
  closings.erase(closings.end() - kept, closings.end());
  close_in_parts(std::move(closings), latest_, closing_reason::shed);
}

/// So that what is found out of the connections need not be in memory at once.
void replay_session::close_in_parts(std::vector<event_key> closings, const replay_time& when,
                                    closing_reason why) {
  std::sort(closings.begin(), closings.end());
  for (size_t next = 0; next < closings.size(); next += closing_part_connections) {
    const size_t last = std::min(next + closing_part_connections, closings.size()) - 1;
    batch_to_fill().closing = {when, closings[last], why};
    dispatch();
  }
  collect_all();
}

}  // namespace khelp::tcp
