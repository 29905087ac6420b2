/// How the engine's connections end: when time passes, when there are too many, with the replay.
#include <algorithm>

#include <khelp/clock.h>

#include "subsystem/tcp/engine.hpp"

namespace khelp::tcp {

namespace {

constexpr phase phase_of_silence(stage how_far) {
  switch (how_far) {
    case stage::opening:
      return phase::silent_opening;
    case stage::open:
      return phase::silent_open;
    case stage::ending:
      break;
  }
  return phase::silent_ending;
}

constexpr phase phase_of_flush(stage how_far) {
  switch (how_far) {
    case stage::ending:
      return phase::flushed_ending;
    case stage::opening:
      return phase::flushed_opening;
    case stage::open:
      break;
  }
  return phase::flushed_open;
}

event_key silence_key(uint64_t packet, const flow& f) {
  return {packet, phase_of_silence(f.how_far), static_cast<uint64_t>(f.active_ns), f.began_at};
}

event_key shed_key(uint64_t packet, const flow& f) {
  return {packet, phase::shed, static_cast<uint64_t>(f.active_ns), f.began_at};
}

event_key flush_key(uint64_t packet, const flow& f) {
  return {packet, phase_of_flush(f.how_far), f.queued_at, f.began_at};
}

/// Why it closes when its silence has been long enough.
ending ending_of(const flow& f) {
  if (f.how_far != stage::ending)
    return ending::silent;
  return f.reset_by != nullptr ? ending::reset : ending::closed;
}

}  // namespace

engine::~engine() {
  table_.for_each([](const flow& f) { destroy_data(const_cast<flow&>(f)); });
}

void engine::tick(uint64_t packet, const replay_time& when, const event_key& until) {
  packet_ = packet;
  when_ns_ = when.when_ns;
  khelp_clock_set(when.when_ns);
  table_.advance(packet, when.now_ns);
  while (flow* silent = table_.next_silent()) {
    const event_key closing = silence_key(packet, *silent);
    if (closing > until)
      break;
    close(*silent, ending_of(*silent), closing);
  }
  watcher_.now = {packet, phase::passing};
}

void engine::close(flow& gone, ending why, const event_key& when) {
  watcher_.now = when;
  gone.where->enter();
  watcher_.closes(gone, why);
  destroy_data(gone);
  watcher_.closed(gone);
  table_.erase(gone);
}

void engine::destroy_data(flow& f) {
  for (end& e : f.ends)
    f.where->destroy(e.block);
}

/// In the order in which the connections began, which is the same wherever they are kept.
void engine::release(const data_release& when) {
  khelp_clock_set(when.when_ns);
  std::vector<flow*> all;
  all.reserve(table_.size());
  table_.for_each([&](const flow& f) { all.push_back(const_cast<flow*>(&f)); });
  std::sort(all.begin(), all.end(),
            [](const flow* a, const flow* b) { return a->began_at < b->began_at; });
  for (flow* f : all) {
    watcher_.now = {when.packet, phase::released, 0, f->began_at};
    f->where->enter();
    watcher_.releases(*f);
    destroy_data(*f);
  }
}

void engine::evict(flow& gone, const event_key& when) {
  watcher_.enter();
  close(gone, ending::evicted, when);
}

void engine::list_silent(uint64_t packet, const replay_time& when,
                         std::vector<event_key>& all) const {
  table_.for_each_silent(when.now_ns,
                         [&](const flow& f) { all.push_back(silence_key(packet, f)); });
}

void engine::list_ended(uint64_t packet, std::vector<event_key>& all) const {
  table_.for_each_at(stage::ending, [&](const flow& f) { all.push_back(shed_key(packet, f)); });
}

void engine::shed(int64_t when_ns, const event_key& until) {
  khelp_clock_set(when_ns);
  while (flow* ended = table_.longest_idle(stage::ending)) {
    const event_key when = shed_key(until.packet, *ended);
    if (when > until)
      return;
    close(*ended, ending_of(*ended), when);
  }
}

void engine::list_flush(uint64_t packet, std::vector<event_key>& all) const {
  all.reserve(all.size() + table_.size());
  table_.for_each([&](const flow& f) { all.push_back(flush_key(packet, f)); });
}

void engine::flush(int64_t when_ns, const event_key& until) {
  khelp_clock_set(when_ns);
  for (const stage how_far : stages_by_weight) {
    while (flow* first = table_.first_at(how_far)) {
      const event_key when = flush_key(until.packet, *first);
      if (when > until)
        return;
      close(*first, ending::flushed, when);
    }
  }
}

}  // namespace khelp::tcp
