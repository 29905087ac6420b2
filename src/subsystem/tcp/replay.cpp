#include "subsystem/tcp/replay.hpp"

#include <utility>

#include <khelp/clock.h>

#include "subsystem/tcp/capture/capture_file.hpp"

namespace khelp::tcp {

namespace {

constexpr size_t most_warnings = 8;
constexpr size_t batch_packets = 512;
constexpr size_t most_batches = 4;  ///< under way at once
constexpr uint64_t packets_between_sheddings = 4096;
constexpr int64_t long_silence_ns = 10'000'000'000;  ///< many may close at the packet after it

std::vector<std::unique_ptr<shard>> make_shards(const replay_session::settings& wanted) {
  std::vector<std::unique_ptr<shard>> made;
  for (size_t i = 0; i < wanted.shards; ++i) {
    auto watcher = wanted.watcher_of ? wanted.watcher_of(i) : std::make_unique<shard_watcher>();
    made.push_back(std::make_unique<shard>(i, wanted.limits, std::move(watcher)));
  }
  return made;
}

std::vector<engine*> engines_of(const std::vector<std::unique_ptr<shard>>& shards) {
  std::vector<engine*> engines;
  engines.reserve(shards.size());
  for (const auto& each : shards)
    engines.push_back(&each->connections());
  return engines;
}

}  // namespace

result<std::unique_ptr<replay_session>> replay_session::create(settings wanted) {
  auto where = points::attach(wanted.instances);
  if (!where)
    return std::move(where).error();
  return std::unique_ptr<replay_session>(
      new replay_session(std::move(where).value(), std::move(wanted)));
}

replay_session::replay_session(points where, settings wanted)
    : wanted_(std::move(wanted)),
      points_(std::move(where)),
      shards_(make_shards(wanted_)),
      connection_limit_(engines_of(shards_), wanted_.limits),
      batches_(wanted_.shards > 1 ? most_batches : 1, wanted_.shards) {
  for (batch& each : batches_.items()) {
    each.times.reserve(batch_packets);
    each.segments.reserve(batch_packets);
    each.of_shard.resize(wanted_.shards);
    for (auto& mine : each.of_shard)
      mine.reserve(batch_packets);
    each.outcomes.resize(wanted_.shards);
    for (size_t i = 0; i < wanted_.shards; ++i)
      each.outcomes[i].found = shards_[i]->new_batch_result();
  }
}

replay_session::~replay_session() {
  stop();
  shards_.clear();
  khelp_clock_reset();
}

void replay_session::stop() {
  batches_.close();
  for (std::thread& each : threads_)
    each.join();
  threads_.clear();
}

uint32_t replay_session::instance_of(const segment& seg) const {
  switch (wanted_.instances) {
    case instances_by::vlan:
      return seg.vlan;
    case instances_by::file:
      return static_cast<uint32_t>(captures_.size());
    case instances_by::none:
      break;
  }
  return 0;
}

result<void> replay_session::open(const std::string& file) {
  auto opened = open_capture(file);
  if (!opened) {
    if (source_ != nullptr)
      finish("");
    captures_.push_back({});
    captures_.back().file = file;
    captures_.back().error = opened.error().detail;
    return std::move(opened).error();
  }
  open(std::move(opened).value());
  return {};
}

void replay_session::open(std::unique_ptr<packet_source> source) {
  if (source_ != nullptr)
    finish("");
  source_ = std::move(source);
  // Where packets come one by one, a batch is not waited for until it is full.
  source_->on_wait([this] {
    try {
      settle();
    } catch (...) {
      failure_while_waiting_ = std::current_exception();
    }
  });
  captures_.push_back({});
  captures_.back().file = source_->name();
}

void replay_session::close_capture() {
  if (source_ != nullptr)
    finish("");
}

void replay_session::finish(const std::string& error) {
  capture_summary& capture = captures_.back();
  capture.error = error;
  capture.link_type = source_->link_name();
  capture.not_followed.add(not_followed::block, source_->skipped_blocks());
  const auto odd = source_->warnings();
  capture.warnings.insert(capture.warnings.begin(), odd.begin(), odd.end());
  source_.reset();
}

// ---- reading

bool replay_session::step() {
  if (source_ == nullptr)
    return false;
  frame packet;
  const result<bool> more = source_->next(packet);
  if (failure_while_waiting_)
    std::rethrow_exception(std::exchange(failure_while_waiting_, nullptr));
  if (!more || !*more) {
    finish(more ? std::string() : more.error().detail);
    return false;
  }
  if (captures_.back().packets == 0)
    begin_capture(packet);
  const replay_time when{packet.when_ns, clock_.advance(packet.when_ns)};
  if (when.now_ns - latest_.now_ns >= long_silence_ns)
    close_silent(when);
  latest_ = when;
  batch& filled = batch_to_fill();
  const bool taken = add(packet, filled);
  if (filled.times.size() == batch_packets)
    dispatch();
  if (packets_ % packets_between_sheddings == 0)
    shed_ended();
  return taken;
}

void replay_session::begin_capture(const frame& first) {
  const bool goes_on = first.timed && captured_from_ns_ && first.when_ns > *captured_from_ns_;
  if (!goes_on)
    flush();
  captured_from_ns_.reset();
}

batch& replay_session::batch_to_fill() {
  batch& next = batches_.vacant();
  if (!std::exchange(filling_, true))
    next.first_packet = packets_ + 1;
  return next;
}

bool replay_session::add(const frame& packet, batch& into) {
  capture_summary& capture = captures_.back();
  ++packets_;
  ++capture.packets;
  if (packet.timed) {
    if (!capture.first_ns)
      capture.first_ns = captured_from_ns_ = packet.when_ns;
    capture.last_ns = packet.when_ns;
  } else {
    ++capture.without_time;
  }
  into.times.push_back(latest_);

  routed_segment& what = into.segments.add();
  what.timed = packet.timed;
  const decoded found = decode(packet.link, packet.captured, packet.length, what.seg);
  if (found.what == verdict::tcp || (found.what == verdict::fragment && completes(what.seg)))
    return route(into);
  into.segments.remove_last();
  if (found.what == verdict::not_followed)
    capture.not_followed.add(found.reason);
  if (found.what == verdict::malformed && ++capture.malformed <= most_warnings)
    capture.warnings.push_back(capture.file + ": packet " + std::to_string(capture.packets) + ": " +
                               found.why);
  return true;
}

/// The segment is then taken to have come with the piece at hand.
bool replay_session::completes(segment& piece) {
  ++captures_.back().fragments;
  return reassembly_.add(piece, static_cast<uint32_t>(captures_.size() - 1), latest_.now_ns);
}

/// To the shard of its connection.
bool replay_session::route(batch& into) {
  routed_segment& what = into.segments.back();
  capture_summary& capture = captures_.back();
  ++capture.tcp_segments;
  const auto where = points_.pair_of(instance_of(what.seg));
  if (!where) {
    finish(where.error().detail);
    into.segments.remove_last();
    return false;
  }
  find_key(what.seg, instance_of(what.seg), what.to);
  what.hash = hash_(what.to.key);
  what.where = *where;
  what.at = {static_cast<uint32_t>(captures_.size() - 1), capture.packets};
  what.time = static_cast<uint32_t>(into.times.size() - 1);
  into.of_shard[shard_of(what.hash, shards_.size())].push_back(
      static_cast<uint32_t>(into.segments.size() - 1));
  return true;
}

// ---- what there is

size_t replay_session::live() const {
  size_t count = 0;
  for (const auto& each : shards_)
    count += each->connections().live();
  return count;
}

uint64_t replay_session::ends_without_memory() const {
  uint64_t count = 0;
  for (const auto& each : shards_)
    count += each->connections().ends_without_memory();
  return count;
}

uint64_t replay_session::opened() const {
  uint64_t count = 0;
  for (const auto& each : shards_)
    count += each->connections().opened();
  return count;
}

}  // namespace khelp::tcp
