#include "subsystem/tcp/replay.hpp"

#include <utility>

#include "subsystem/tcp/pcap_source.hpp"

namespace khelp::tcp {

namespace {
constexpr size_t most_remarks = 8;
}

result<std::unique_ptr<replay_session>> replay_session::create(settings wanted) {
  auto where = points::attach(wanted.instances);
  if (!where)
    return std::move(where).error();
  return std::unique_ptr<replay_session>(
      new replay_session(std::move(where).value(), std::move(wanted)));
}

replay_session::replay_session(points where, settings wanted)
    : instances_(wanted.instances),
      points_(std::move(where)),
      engine_(points_, wanted.limits, std::move(wanted.on_close)) {}

uint32_t replay_session::instance_of(const segment& seg) const {
  switch (instances_) {
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
  auto opened = pcap_source::open(file);
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
  captures_.push_back({});
  captures_.back().file = source_->name();
  captures_.back().link_type = source_->link_name();
}

void replay_session::finish(const std::string& error) {
  capture_summary& capture = captures_.back();
  capture.error = error;
  const auto odd = source_->remarks();
  capture.remarks.insert(capture.remarks.begin(), odd.begin(), odd.end());
  source_.reset();
}

bool replay_session::step() {
  if (source_ == nullptr)
    return false;
  frame packet;
  const result<bool> more = source_->next(packet);
  if (!more || !*more) {
    finish(more ? std::string() : more.error().detail);
    return false;
  }

  capture_summary& capture = captures_.back();
  ++packets_;
  ++capture.packets;
  if (!capture.first_ns)
    capture.first_ns = packet.when_ns;
  capture.last_ns = packet.when_ns;
  engine_.tick(packet.when_ns);

  segment seg;
  const decoded found = decode(source_->link(), packet.captured, packet.length, seg);
  switch (found.what) {
    case verdict::tcp:
      ++capture.tcp_segments;
      if (auto entered = points_.enter(instance_of(seg)); !entered) {
        finish(entered.error().detail);
        return false;
      }
      engine_.apply(seg, {.when_ns = packet.when_ns,
                          .capture = static_cast<uint32_t>(captures_.size() - 1),
                          .packet = capture.packets,
                          .instance = instance_of(seg)});
      break;
    case verdict::malformed:
      if (++capture.malformed <= most_remarks)
        capture.remarks.push_back(capture.file + ": packet " + std::to_string(capture.packets) +
                                  ": " + found.why);
      break;
    case verdict::not_tcp:
      break;
  }
  return true;
}

}  // namespace khelp::tcp
