#include "subsystem/tcp/flow_table.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <type_traits>

#include "subsystem/tcp/decode/hashing.hpp"
#include "subsystem/tcp/prefetch.hpp"

namespace khelp::tcp {

namespace {

constexpr size_t first_slots = 1024;

}  // namespace

void find_key(const segment& seg, uint32_t instance, segment_key& found) {
  const auto source = number_of(seg.source);
  const auto destination = number_of(seg.destination);
  const bool same_host = source == destination;
  const bool from_high =
      source > destination || (same_host && seg.source_port > seg.destination_port);
  found.from_high = from_high;
  found.with_itself = same_host && seg.source_port == seg.destination_port;
  found.key.low_address = from_high ? seg.destination : seg.source;
  found.key.high_address = from_high ? seg.source : seg.destination;
  found.key.low_port = from_high ? seg.destination_port : seg.source_port;
  found.key.high_port = from_high ? seg.source_port : seg.destination_port;
  found.key.instance = instance;
}

flow_hash::flow_hash() : seed_(random_seed() | 1) {}

uint64_t flow_hash::operator()(const flow_key& key) const {
  const auto low = number_of(key.low_address);
  const auto high = number_of(key.high_address);
  uint64_t hash = fold(low.first ^ seed_, low.second ^ 0x9e3779b97f4a7c15);
  hash ^= fold(high.first ^ seed_, high.second ^ 0xd6e8feb86659fd93);
  return fold(hash ^ key.rest(), 0xa0761d6478bd642f ^ seed_);
}

flow_table::flow_table(const flow_limits& limits) : limits_(limits), slots_(first_slots) {
  grow_pool();
}

flow_table::~flow_table() {
  for (const queue& q : queues_) {
    while (q.head != nullptr)
      erase(*q.head);
  }
}

void flow_table::advance(uint64_t packet, int64_t now_ns) {
  packet_ = packet;
  now_ns_ = now_ns;
}

flow* flow_table::find(const flow_key& key, uint64_t hash) {
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t i = home_of(hash); slots_[i].owner != nullptr; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].hash == tag && slots_[i].owner->key == key)
      return slots_[i].owner;
  }
  return nullptr;
}

void flow_table::prefetch_flow(uint64_t hash) const {
  if (const flow* owner = slots_[home_of(hash)].owner; owner != nullptr)
    prefetch_memory(owner, sizeof(flow));
}

/// An object's first two slots are part of it (osd.h).
void flow_table::prefetch_data(uint64_t hash) const {
  constexpr size_t usual_size = 192;
  const flow* owner = slots_[home_of(hash)].owner;
  if (owner == nullptr)
    return;
  for (const end& e : owner->ends) {
    for (const void* data : e.block.t_osd.osd_u.osd_inline) {
      if (data != nullptr)
        prefetch_memory(data, usual_size);
    }
  }
}

void flow_table::place(flow& f) {
  size_t i = home_of(f.hash);
  while (slots_[i].owner != nullptr)
    i = (i + 1) & (slots_.size() - 1);
  slots_[i] = slot{static_cast<uint32_t>(f.hash >> 32), &f};
}

void flow_table::grow_index() {
  std::vector<slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const slot& s : old) {
    if (s.owner != nullptr)
      place(*s.owner);
  }
}

void flow_table::grow_pool() {
  // Each heap has room for every flow, so that none is half there for want of memory.
  for (idle_heap& idle : idle_)
    idle.evict_for((chunks_.size() + 1) * chunk_flows);
  chunks_.push_back(std::make_unique_for_overwrite<chunk>());
  std::byte* memory = chunks_.back()->memory;
  for (size_t i = chunk_flows; i-- > 0;) {
    flow* empty = new (memory + i * sizeof(flow)) flow;
    empty->next = free_;
    free_ = empty;
  }
}

flow& flow_table::insert(const flow_key& key, uint64_t hash) {
  if ((count_ + 1) * 2 > slots_.size())
    grow_index();
  if (free_ == nullptr)
    grow_pool();
  flow& fresh = *free_;
  free_ = fresh.next;
  fresh.next = nullptr;
  fresh.key = key;
  fresh.hash = hash;
  fresh.began_at = packet_;
  fresh.active_ns = now_ns_;
  place(fresh);
  enqueue(fresh);
  ++count_;
  return fresh;
}

void flow_table::erase(flow& gone) {
  size_t hole = home_of(gone.hash);
  while (slots_[hole].owner != &gone)
    hole = (hole + 1) & (slots_.size() - 1);
  // Slots that were pushed past the hole move into it, so that no search stops early.
  for (size_t i = (hole + 1) & (slots_.size() - 1); slots_[i].owner != nullptr;
       i = (i + 1) & (slots_.size() - 1)) {
    const size_t home = home_of(slots_[i].owner->hash);
    const size_t distance_from_home = (i - home) & (slots_.size() - 1);
    const size_t distance_from_hole = (i - hole) & (slots_.size() - 1);
    if (distance_from_home >= distance_from_hole) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  }
  slots_[hole] = slot{};

  dequeue(gone);
  --count_;
  gone.~flow();
  flow* empty = new (&gone) flow;
  empty->next = free_;
  free_ = empty;
}

void flow_table::enqueue(flow& f) {
  queue& q = queue_of(f.how_far);
  f.queued_at = packet_;
  f.next = nullptr;
  f.previous = q.tail;
  (q.tail != nullptr ? q.tail->next : q.head) = &f;
  q.tail = &f;
  idle_of(f.how_far).add(f);
  due_ns_ = std::min(due_ns_, f.active_ns + limits_.of(f.how_far));
}

void flow_table::dequeue(flow& f) {
  queue& q = queue_of(f.how_far);
  (f.previous != nullptr ? f.previous->next : q.head) = f.next;
  (f.next != nullptr ? f.next->previous : q.tail) = f.previous;
  f.next = f.previous = nullptr;
  idle_of(f.how_far).remove(f);
}

void flow_table::set_stage(flow& f, stage how_far) {
  if (f.how_far == how_far)
    return;
  dequeue(f);
  f.how_far = how_far;
  enqueue(f);
}

flow* flow_table::next_silent() {
  if (now_ns_ <= due_ns_)
    return nullptr;
  due_ns_ = std::numeric_limits<int64_t>::max();
  for (const stage how_far : {stage::opening, stage::open, stage::ending}) {
    idle_heap& idle = idle_of(how_far);
    if (idle.empty())
      continue;
    const int64_t limit = limits_.of(how_far);
    flow* longest = nullptr;
    if (now_ns_ - idle.earliest_ns() > limit)
      longest = idle.longest_idle();
    due_ns_ = std::min(due_ns_, idle.earliest_ns() + limit);
    if (longest != nullptr && now_ns_ > due_ns_)
      return longest;
  }
  return nullptr;
}

void flow_table::for_each_silent(int64_t now_ns,
                                 const std::function<void(const flow&)>& visit) const {
  for (size_t i = 0; i < stages; ++i)
    idle_[i].for_each_idle_since(now_ns - limits_.of(static_cast<stage>(i)), visit);
}

void flow_table::for_each(const std::function<void(const flow&)>& visit) const {
  for (size_t i = 0; i < stages; ++i)
    for_each_at(static_cast<stage>(i), visit);
}

void flow_table::for_each_at(stage how_far, const std::function<void(const flow&)>& visit) const {
  for (const flow* each = queue_of(how_far).head; each != nullptr; each = each->next)
    visit(*each);
}

}  // namespace khelp::tcp
