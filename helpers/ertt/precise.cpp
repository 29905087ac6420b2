#include "precise.hpp"

#include <algorithm>
#include <limits>

#include <khelp/ertt.h>

#include "modular.hpp"

namespace khelp::ertt {

namespace {

/// A segment lives two minutes at most, and so does its acknowledgement (RFC 9293, MSL). What takes
/// longer than this is no round trip.
constexpr std::int64_t longest_round_trip = 600'000'000'000;

}  // namespace

/// What one acknowledgement says of the segments it covers. A candidate holds the byte before the
/// acknowledged point; there are several when it was sent several times.
struct evidence {
  int candidates = 0;
  int echoed = 0;         // candidates whose timestamp the acknowledgement echoes
  segment candidate{};    // the last one
  segment echoed_copy{};  // the last echoed one
  std::int64_t latest_below = std::numeric_limits<std::int64_t>::min();  // when other data was sent
  bool marked = false;  // the marked segment is among them

  void add_candidate(const segment& s, bool is_echoed) noexcept {
    ++candidates;
    candidate = s;
    marked |= s.marked;
    if (is_echoed) {
      ++echoed;
      echoed_copy = s;
    }
  }
  void add_below(const segment& s) noexcept {
    latest_below = s.timed ? std::max(latest_below, s.when)
                           : std::numeric_limits<std::int64_t>::max();  // it may have been then
    marked |= s.marked;
  }
};

void precise::send(const sent_segment& sent) noexcept {
  std::uint32_t end = sent.seq + sent.len;
  if (sent.len == 0 || !after(end, sent.snd_una))
    return;
  segment s{};
  s.when = sent.when;
  s.seq = sent.seq;
  s.end = end;
  s.timestamped = sent.ts.has_value();
  s.ts = sent.ts.value_or(stamp{});
  s.resent = sent.resent;
  s.super = sent.super;
  s.timed = sent.timed;
  s.marked = !mark_in_flight_;
  if (flight_.add(s))
    mark_in_flight_ = true;
}

std::optional<std::int64_t> precise::receive(const received_ack& ack,
                                             bool filter_delayed) noexcept {
  std::optional<std::int64_t> sample;
  if (after(ack.ack, ack.snd_una))
    sample = receive_cumulative(ack, filter_delayed);
  if (!sample && !ack.sacked.empty())
    sample = receive_selective(ack);
  if (sample)
    keep(*sample);
  return sample;
}

std::optional<std::int64_t> precise::receive_cumulative(const received_ack& ack,
                                                        bool filter_delayed) noexcept {
  evidence found = take_acknowledged(ack);
  auto rtt = round_trip(found, ack);
  settle_mark(found, rtt);
  if (found.candidates == 0)
    return {};
  // Once for the acknowledgement, whatever it passed over (E-8).
  bool several =
      guess_delay(ack.ack - ack.snd_una, found.candidate.end - found.candidate.seq, ack.maxseg);
  bool delayed = delayed_ack_ > 0 && !several;
  // A delay only lengthens: what is shorter than everything before it was not hurt by one.
  bool left_out = filter_delayed && delayed && rtt && samples_ != 0 && *rtt >= minimum_;
  return left_out ? std::nullopt : rtt;
}

std::optional<std::int64_t> precise::receive_selective(const received_ack& ack) noexcept {
  evidence found = take_sacked(ack);
  auto rtt = round_trip(found, ack);
  settle_mark(found, rtt);
  return rtt;
}

/// Take out what the cumulative acknowledgement covers. The rest of a segment stays.
evidence precise::take_acknowledged(const received_ack& ack) noexcept {
  evidence found;
  segment* previous = nullptr;
  segment* s = flight_.first();
  while (s != nullptr && before(s->seq, ack.ack)) {
    bool whole = !after(s->end, ack.ack);
    if (s->end == ack.ack || (!whole && s->super))
      found.add_candidate(*s,
                          uses_timestamps(ack) && s->timestamped && s->ts.value == ack.ts->echo);
    else if (whole)
      found.add_below(*s);
    if (whole) {
      s = flight_.remove(previous);
      continue;
    }
    if (s->super)
      s->marked = false;
    s->seq = ack.ack;
    previous = s;
    s = s->next;
  }
  return found;
}

/// Take out what selective acknowledgements cover. The highest block's end is the candidate's.
evidence precise::take_sacked(const received_ack& ack) noexcept {
  std::uint32_t highest = ack.sacked.front().end;
  for (const khelp_tcp_range& b : ack.sacked)
    highest = after(b.end, highest) ? b.end : highest;

  evidence found;
  segment* previous = nullptr;
  segment* s = flight_.first();
  while (s != nullptr && before(s->seq, highest)) {
    bool covered = std::any_of(ack.sacked.begin(), ack.sacked.end(), [s](const khelp_tcp_range& b) {
      return !before(s->seq, b.start) && !after(s->end, b.end);
    });
    if (!covered) {
      previous = s;
      s = s->next;
      continue;
    }
    if (s->end == highest)
      found.add_candidate(*s, false);  // the echo is that of the last segment in order
    else
      found.marked |= s->marked;
    s = flight_.remove(previous);
  }
  return found;
}

std::optional<std::int64_t> precise::round_trip(const evidence& found,
                                                const received_ack& ack) noexcept {
  const segment* measured = nullptr;
  if (found.echoed == 1)
    measured = &found.echoed_copy;
  else if (found.echoed == 0 && found.candidates == 1 && !found.candidate.resent)
    measured = &found.candidate;
  if (measured == nullptr || found.latest_below > measured->when)
    return {};
  if (!ack.timed || !measured->timed)
    return {};
  std::int64_t rtt = ack.when - measured->when;
  if (rtt < 0 || rtt > longest_round_trip)
    return {};
  if (uses_timestamps(ack) && measured->timestamped) {
    if (after(ack.ts->echo, measured->ts.value))
      return {};
    if (found.echoed == 1 && measured->ts.echo != 0 && before(ack.ts->value, measured->ts.echo))
      ++timestamp_errors_;
  }
  return rtt;
}

/// The marked segment has left: its round trip is the one measured now, if any; the next segment
/// sent is marked.
void precise::settle_mark(const evidence& found, std::optional<std::int64_t> rtt) noexcept {
  if (!found.marked)
    return;
  mark_in_flight_ = false;
  if (rtt)
    marked_ = rtt;
}

bool precise::uses_timestamps(const received_ack& ack) const noexcept {
  return timestamp_errors_ < KHELP_ERTT_MAX_TIMESTAMP_ERRORS && ack.ts && ack.ts->echo != 0;
}

/// True: the acknowledgement is of more than one segment.
bool precise::guess_delay(std::uint32_t acked, std::uint32_t len, std::uint32_t maxseg) noexcept {
  if (acked > maxseg || acked > len) {
    if (delayed_ack_ < KHELP_ERTT_DLYACK_MAX)
      ++delayed_ack_;
    return true;
  }
  if ((acked == maxseg || acked == len) && delayed_ack_ > 0)
    --delayed_ack_;
  return false;
}

void precise::keep(std::int64_t rtt) noexcept {
  minimum_ = samples_ == 0 ? rtt : std::min(minimum_, rtt);
  maximum_ = std::max(maximum_, rtt);
  last_ = rtt;
  ++samples_;
  histogram_.add(rtt);
}

std::int64_t precise::median() const noexcept {
  return std::clamp(histogram_.median(), minimum_, maximum_);
}

}  // namespace khelp::ertt
