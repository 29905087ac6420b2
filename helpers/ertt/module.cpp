/// The ertt helper: enhanced round-trip times of TCP connections. It hooks both points of the TCP
/// subsystem and keeps, for each end, the times of the data it sends: as ticks for other modules
/// (ticks.hpp) and in nanoseconds for people (precise.hpp).
///
/// Source   FreeBSD h_ertt(4).
#include <arpa/inet.h>
#include <cerrno>
#include <iterator>
#include <span>
#include <string_view>

#include <khelp/ertt.h>
#include <khelp/tcp.hpp>

#include "precise.hpp"
#include "ticks.hpp"
#include "zone.hpp"

namespace khelp::ertt {
namespace {

/// What the helper keeps on an end. Other modules see a struct khelp_ertt.
struct state {
  ticks stock;
  precise exact;
};
static_assert(offsetof(state, stock) == 0 && offsetof(ticks, values) == 0);

bool filter_delayed = true;  // set before any hook runs

std::optional<stamp> stamp_of(const khelp_tcp_hhook_data& segment) {
  if ((segment.to->to_flags & KHELP_TOF_TS) == 0)
    return {};
  return stamp{segment.tsval, segment.tsecr};
}

// ---- hooks

// The ticks know nothing of segments whose time is not known.

/// EST_OUT, where header and options are in network order.
void sent(khelp_tcp_hhook_data& segment, state& s) {
  khelp_tcpcb& end = *segment.tp;
  std::optional<stamp> ts = stamp_of(segment);
  if (segment.when_ns != 0)
    s.stock.send({.seq = ntohl(segment.th->th_seq),
                  .len = segment.len,
                  .tso = segment.tso != 0,
                  .timestamped = ts && (end.t_flags & KHELP_TF_NOOPT) == 0,
                  .tsval = ntohl(segment.to->to_tsval) - end.ts_offset,
                  .tsecr = ntohl(segment.to->to_tsecr)},
                 khelp_clock_ticks(), end.t_flags);
  if ((segment.flags & KHELP_TH_SYN) != 0)
    return;  // the handshake's times are others': a listener's queue, a cold path
  s.exact.send({.when = segment.when_ns,
                .seq = segment.seq,
                .len = segment.payload,
                .snd_una = end.snd_una,
                .resent = segment.resent != 0,
                .super = segment.tso != 0,
                .timed = segment.when_ns != 0,
                .ts = ts});
}

/// EST_IN, where header and options are in host order.
void acknowledged(khelp_tcp_hhook_data& segment, state& s, khelp_osd* end_slots) {
  khelp_tcpcb& end = *segment.tp;
  std::optional<stamp> ts = stamp_of(segment);
  if (segment.when_ns != 0)
    s.stock.receive({.ack = segment.th->th_ack,
                     .snd_una = end.snd_una,
                     .last_sack_ack = end.sackhint.last_sack_ack,
                     .maxseg = end.t_maxseg,
                     .snd_cwnd = end.snd_cwnd,
                     .timestamped = ts.has_value(),
                     .tsval = segment.to->to_tsval,
                     .tsecr = segment.to->to_tsecr},
                    khelp_clock_ticks(), end.t_flags);
  std::size_t blocks = segment.sacked != 0 ? segment.nsacks : 0;
  auto sample = s.exact.receive({.when = segment.when_ns,
                                 .ack = segment.ack,
                                 .snd_una = end.snd_una,
                                 .maxseg = end.t_maxseg,
                                 .sacked = std::span(segment.sacks).first(blocks),
                                 .timed = segment.when_ns != 0,
                                 .ts = ts},
                                filter_delayed);
  if (sample)
    khelp_sample("ertt", "rtt_us", end_slots, *sample);
}

constexpr typed_hook<state> hooks[] = {
    hook<acknowledged>(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN),
    hook<sent>(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_OUT),
};

// ---- report

// report() fills the values in this order.
constexpr khelp_field fields[] = {
    {"samples", "", "round trips measured", KHELP_FIELD_COUNT, 0},
    {"min_us", "us", "shortest round trip", KHELP_FIELD_DURATION, KHELP_FIELD_IN_TABLE},
    {"median_us", "us", "median, within 2 %", KHELP_FIELD_DURATION, KHELP_FIELD_IN_TABLE},
    {"max_us", "us", "longest round trip", KHELP_FIELD_DURATION, KHELP_FIELD_IN_TABLE},
    {"last_us", "us", "latest round trip", KHELP_FIELD_DURATION, KHELP_FIELD_IN_TABLE},
    {"marked_us", "us", "round trip of the latest marked segment", KHELP_FIELD_DURATION, 0},
    {"delayed_ack", "", "above 0: the peer seems to delay its acknowledgements", KHELP_FIELD_COUNT,
     0},
    {"timestamp_errors", "", "echoes that contradict the peer's clock", KHELP_FIELD_COUNT, 0},
    {"ticks.rtt", "ms", "struct ertt: latest round trip, one tick added", KHELP_FIELD_NUMBER, 0},
    {"ticks.minrtt", "ms", "shortest, one tick added", KHELP_FIELD_NUMBER, 0},
    {"ticks.maxrtt", "ms", "longest, one tick added", KHELP_FIELD_NUMBER, 0},
    {"ticks.markedpkt_rtt", "ms", "of the latest marked segment, one tick added",
     KHELP_FIELD_NUMBER, 0},
    {"ticks.bytes_tx_in_marked_rtt", "bytes", "sent during it", KHELP_FIELD_NUMBER, 0},
    {"ticks.dlyack_rx", "", "delayed-acknowledgement guess", KHELP_FIELD_NUMBER, 0},
    {"ticks.timestamp_errors", "", "echoes that contradict the peer's clock", KHELP_FIELD_NUMBER,
     0},
    {"ticks.flags", "", "1 new measurement, 2 in progress, 4 TSO disabled", KHELP_FIELD_FLAGS, 0},
};

void report(const void* data, khelp_value* values) {
  const auto& s = *static_cast<const state*>(data);
  const precise& p = s.exact;
  const khelp_ertt& t = s.stock.values;
  const std::uint32_t measured = p.samples() != 0;
  const khelp_value filled[] = {
      {static_cast<std::int64_t>(p.samples()), 1, 0},
      {p.minimum(), measured, 0},
      {p.median(), measured, 0},
      {p.maximum(), measured, 0},
      {p.last(), measured, 0},
      {p.marked().value_or(0), p.marked().has_value(), 0},
      {p.delayed_ack(), 1, 0},
      {p.timestamp_errors(), 1, 0},
      {t.rtt, 1, 0},
      {t.minrtt, 1, 0},
      {t.maxrtt, 1, 0},
      {t.markedpkt_rtt, 1, 0},
      {t.bytes_tx_in_marked_rtt, 1, 0},
      {t.dlyack_rx, 1, 0},
      {t.timestamp_errors, 1, 0},
      {t.flags, 1, 0},
  };
  static_assert(std::size(filled) == std::size(fields));
  std::copy(std::begin(filled), std::end(filled), values);
}

// ---- module

constexpr khelp_param params[] = {
    {"delack_filter", "1", "leave out round trips that look like delayed acknowledgements: 0 or 1"},
};

int set_param(const char* name, const char* value) {
  std::string_view given(value);
  if (std::string_view(name) != params[0].name || (given != "0" && given != "1"))
    return EINVAL;
  filter_delayed = given == "1";
  return 0;
}

int end_module() {
  close_zone();
  return 0;
}

constexpr khelp_helper_x declare() {
  khelp_helper_x x =
      khelp::helper<state>("ertt", KHELP_ERTT_VERSION, KHELP_HELPER_CLASS_TCP, hooks);
  x.mod_init = open_zone;
  x.mod_destroy = end_module;
  x.fields = fields;
  x.nfields = std::size(fields);
  x.report = report;
  x.params = params;
  x.nparams = std::size(params);
  x.set_param = set_param;
  return x;
}

constexpr khelp_helper_x declaration = declare();

}  // namespace
}  // namespace khelp::ertt

KHELP_MODULE(khelp::ertt::declaration);
