#include "sync/publication.hpp"

#include <algorithm>
#include <cerrno>

#include "sync/futex.hpp"
#include "sync/section.hpp"

namespace khelp {

mutex registry_mutex;
std::atomic<std::uint32_t> deep_waiters{0};
std::atomic<std::uint32_t> deep_wake{0};

namespace {

constexpr int spins_before_sleep = 200;
// A sleeper looks again this often: its waker may be a thread that died.
constexpr std::int64_t sleep_slice_ns = 50'000'000;

// Guarded by registry_mutex; singly linked through publication::next_.
publication* places_with_retired KHELP_GUARDED_BY(registry_mutex) = nullptr;

// A run of a section as it was seen: (key, set), and not left since.
struct seen_run {
  const void* key;
  const void* set;
  std::uint64_t left;

  bool goes_on(const open_section& section) const noexcept {
    return section.point.load(std::memory_order_acquire) == key &&
           section.set.load(std::memory_order_acquire) == set &&
           section.left.load(std::memory_order_acquire) == left;
  }
};

// Spins briefly, then sleeps.
void wait_until_left(thread_record& record, const open_section& section,
                     const seen_run& run) noexcept {
  for (int spin = 0; spin < spins_before_sleep; ++spin) {
    if (!run.goes_on(section))
      return;
    cpu_relax();
  }
  while (run.goes_on(section)) {
    const std::uint32_t seen = record.wake.load(std::memory_order_acquire);
    record.attention.fetch_or(attention_waiter, std::memory_order_seq_cst);
    // Refused barrier: the slice bounds how late we look again.
    (void)heavy_barrier();
    if (!run.goes_on(section))
      return;
    futex_wait(record.wake, seen, sleep_slice_ns);
    free_if_owner_died(record);
  }
}

// Wait until the run that is in a section now, with whatever set, has left. The next run of the
// same place is not waited for: a thread that runs one point without pause ends nobody's patience.
void wait_for_this_run(thread_record& record, const open_section& section,
                       const void* key) noexcept {
  const std::uint64_t left = section.left.load(std::memory_order_acquire);
  const void* set = nullptr;
  // It may not have said yet which set it uses.
  while (set == nullptr && section.point.load(std::memory_order_acquire) == key &&
         section.left.load(std::memory_order_acquire) == left) {
    set = section.set.load(std::memory_order_acquire);
    wait_until_left(record, section, {key, set, left});
  }
}

template <class Fn>
void for_each_section(Fn fn) {
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    for (open_section& section : r->sections)
      fn(*r, section);
  }
}

// Wait until `none`() says that no deep section is left of those it looks at.
template <class Fn>
void wait_until_none_is_deep(Fn none) {
  if (none())
    return;
  deep_waiters.fetch_add(1, std::memory_order_seq_cst);
  while (true) {
    const std::uint32_t seen = deep_wake.load(std::memory_order_seq_cst);
    if (none())
      break;
    futex_wait(deep_wake, seen, sleep_slice_ns);
  }
  deep_waiters.fetch_sub(1, std::memory_order_seq_cst);
}

}  // namespace

// ---- waiting ----

bool section_is_open(const void* key) noexcept {
  return !heavy_barrier() || section_is_open_after_barrier(key);
}

bool section_is_open_after_barrier(const void* key) noexcept {
  bool open = false;
  for_each_section([&](thread_record&, open_section& section) {
    open = open || section.point.load(std::memory_order_acquire) == key;
  });
  return open;
}

std::size_t objects_in_sections(std::span<const khelp_osd*> objects) noexcept {
  std::size_t found = 0;
  for_each_section([&](thread_record&, open_section& section) {
    // In this order: a section that says its place has said its object before.
    if (section.point.load(std::memory_order_acquire) == nullptr)
      return;
    const khelp_osd* object = section.object.load(std::memory_order_acquire);
    if (object == nullptr)
      return;
    if (found < objects.size())
      objects[found] = object;
    ++found;
  });
  return found;
}

void wait_for_sections_of(const khelp_osd* object) noexcept {
  for_each_section([object](thread_record& record, open_section& section) {
    const void* point = section.point.load(std::memory_order_acquire);
    if (point == nullptr || section.object.load(std::memory_order_acquire) != object)
      return;
    wait_for_this_run(record, section, point);
  });
}

void wait_for_deep_readers(std::uint32_t& deep) noexcept {
  wait_until_none_is_deep([count = std::atomic_ref<std::uint32_t>(deep)] {
    return count.load(std::memory_order_seq_cst) == 0;
  });
}

bool wait_for_open_sections(const void* key) {
  if (!heavy_barrier())
    return false;
  for_each_section([key](thread_record& record, open_section& section) {
    const void* point = section.point.load(std::memory_order_acquire);
    if (point == nullptr || (key != nullptr && point != key))
      return;
    wait_for_this_run(record, section, point);
  });
  return true;
}

// ---- publication ----

void publication::end() {
  while (published_set* set = retired_) {
    retired_ = set->retired_next;
    set->place = nullptr;
    set->quiescent = true;
    if (set->waiters == 0)
      delete set;
  }
  unlist();
  delete static_cast<published_set*>(
      std::atomic_ref<void*>(*current_).exchange(nullptr, std::memory_order_relaxed));
}

void publication::unlist() {
  if (!listed_)
    return;
  publication** link = &places_with_retired;
  while (*link != this)
    link = &(*link)->next_;
  *link = next_;
  listed_ = false;
}

bool publication::has_deep_readers() const {
  return std::atomic_ref<std::uint32_t>(*deep_).load(std::memory_order_seq_cst) != 0;
}

void publication::forget(published_set& set) {
  published_set** link = &retired_;
  while (*link != &set)
    link = &(*link)->retired_next;
  *link = set.retired_next;
  if (retired_ == nullptr)
    unlist();
}

void publication::drop_waiter(published_set& set, bool quiescent) {
  --set.waiters;
  set.quiescent = set.quiescent || quiescent;
  if (set.waiters != 0 || !set.quiescent)
    return;
  if (set.place != nullptr)
    set.place->forget(set);
  delete &set;
}

published_set* publication::current() const {
  return static_cast<published_set*>(
      std::atomic_ref<void*>(*current_).load(std::memory_order_relaxed));
}

void publication::publish(published_set* next) {
  published_set* old = current();
  std::atomic_ref<void*>(*current_).store(next, std::memory_order_release);
  if (old == nullptr)
    return;
  old->place = this;
  old->retired_next = retired_;
  retired_ = old;
  if (!listed_) {
    listed_ = true;
    next_ = places_with_retired;
    places_with_retired = this;
  }
}

// ---- reader_wait ----

reader_wait::~reader_wait() {
  if (!targets_.empty())
    release(false);
}

void reader_wait::prepare(publication& place) {
  std::size_t sets = 1;
  for (published_set* set = place.retired_; set != nullptr; set = set->retired_next)
    ++sets;
  prepared_ += sets;
  targets_.reserve(prepared_);
}

void reader_wait::include(publication& place) {
  for (published_set* set = place.retired_; set != nullptr; set = set->retired_next) {
    ++set->waiters;
    targets_.push_back({set, place.key()});
  }
}

void reader_wait::prepare_retired(const set_filter& wanted) {
  for_each_retired([&](const published_set& set) { prepared_ += wanted(set) ? 1 : 0; });
  targets_.reserve(prepared_);
}

void reader_wait::include_retired(const set_filter& wanted) {
  for (publication* p = places_with_retired; p != nullptr; p = p->next_) {
    for (published_set* set = p->retired_; set != nullptr; set = set->retired_next) {
      const bool included = std::any_of(targets_.begin(), targets_.end(),
                                        [set](const target& t) { return t.set == set; });
      if (included || !wanted(*set))
        continue;
      ++set->waiters;
      targets_.push_back({set, p->key()});
    }
  }
}

bool reader_wait::uses_old(const open_section& section) const {
  const void* point = section.point.load(std::memory_order_acquire);
  if (point == nullptr)
    return false;
  const void* used = section.set.load(std::memory_order_acquire);
  return std::any_of(targets_.begin(), targets_.end(), [&](const target& t) {
    return t.key == point && (used == nullptr || used == t.set);
  });
}

bool reader_wait::finish() {
  reader_wait* const alone[] = {this};
  return finish_all(alone);
}

bool reader_wait::finish_all(std::span<reader_wait* const> waits) {
  const auto is_idle = [](const reader_wait* wait) { return wait->targets_.empty(); };
  if (std::all_of(waits.begin(), waits.end(), is_idle))
    return true;
  const bool known = heavy_barrier();
  for (reader_wait* wait : waits) {
    if (known)
      wait->wait_for_readers();
    wait->release(known);
  }
  return known;
}

void reader_wait::wait_for_readers() {
  for_each_section([this](thread_record& record, open_section& section) {
    while (uses_old(section)) {
      const std::uint64_t left = section.left.load(std::memory_order_acquire);
      const void* point = section.point.load(std::memory_order_acquire);
      const void* set = section.set.load(std::memory_order_acquire);
      if (point != nullptr)
        wait_until_left(record, section, {point, set, left});
    }
  });
  wait_until_none_is_deep([this] { return !deep_readers_remain(); });
}

bool reader_wait::deep_readers_remain() const {
  if (std::atomic_ref<std::uint32_t>(deep_total).load(std::memory_order_seq_cst) == 0)
    return false;
  lock_guard held(registry_mutex);
  return std::any_of(targets_.begin(), targets_.end(), [](const target& t) KHELP_NO_TSA {
    return t.set->place != nullptr && t.set->place->has_deep_readers();
  });
}

bool reader_wait::try_finish() {
  if (targets_.empty())
    return true;
  if (!heavy_barrier())
    return false;
  bool free = true;
  for_each_section([&](thread_record&, open_section& section) {
    if (uses_old(section))
      free = false;
  });
  if (!free || deep_readers_remain())
    return false;
  release(true);
  return true;
}

void reader_wait::release(bool quiescent) {
  lock_guard held(registry_mutex);
  for (const target& t : targets_)
    publication::drop_waiter(*t.set, quiescent);
  targets_.clear();
  prepared_ = 0;
}

void for_each_retired(const std::function<void(const published_set&)>& fn) {
  for (publication* p = places_with_retired; p != nullptr; p = p->next_) {
    for (const published_set* set = p->retired_; set != nullptr; set = set->retired_next)
      fn(*set);
  }
}

unsigned free_quiescent_sets() {
  struct candidate {
    published_set* set;
    const void* key;
    bool busy;
  };
  std::vector<candidate> candidates;
  {
    lock_guard held(registry_mutex);
    for (publication* p = places_with_retired; p != nullptr; p = p->next_) {
      for (published_set* set = p->retired_; set != nullptr; set = set->retired_next)
        candidates.push_back({set, p->key(), false});
    }
    for (const candidate& c : candidates)
      ++c.set->waiters;
  }
  if (candidates.empty())
    return 0;
  const bool known = heavy_barrier();
  if (known) {
    for_each_section([&](thread_record&, open_section& section) {
      const void* point = section.point.load(std::memory_order_acquire);
      if (point == nullptr)
        return;
      const void* used = section.set.load(std::memory_order_acquire);
      for (candidate& c : candidates)
        c.busy = c.busy || (c.key == point && (used == nullptr || used == c.set));
    });
  }
  unsigned remaining = 0;
  lock_guard held(registry_mutex);
  for (const candidate& c : candidates) {
    const publication* place = c.set->place;
    const bool deep = place != nullptr && place->has_deep_readers();
    const bool free = known && !c.busy && !deep;
    remaining += free ? 0 : 1;
    publication::drop_waiter(*c.set, free);
  }
  return remaining;
}

}  // namespace khelp
