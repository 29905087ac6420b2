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

// What an open section says.
struct section_words {
  const void* point;
  const void* set;  // nullptr: object and epoch are unknown
  const khelp_osd* object;
  std::uint64_t epoch;

  // False: it is free.
  bool read(const open_section& section) noexcept {
    point = section.point.load(std::memory_order_acquire);
    set = section.set.load(std::memory_order_acquire);
    object = section.object.load(std::memory_order_acquire);
    epoch = section.epoch.load(std::memory_order_acquire);
    return point != nullptr;
  }
  bool opened_before(std::uint64_t other) const noexcept { return set == nullptr || epoch < other; }
};

// Wait while the section is one of those that the caller waits for. Asked anew at every look, so that
// the next run of a section is not taken for the one before. Spins briefly, then sleeps.
template <class Wanted>
void wait_while(thread_record& record, const open_section& section, const Wanted& wanted) {
  const auto goes_on = [&] {
    section_words words{};
    return words.read(section) && wanted(words);
  };
  for (int spin = 0; spin < spins_before_sleep; ++spin) {
    if (!goes_on())
      return;
    cpu_relax();
  }
  while (goes_on()) {
    const std::uint32_t seen = record.wake.load(std::memory_order_acquire);
    record.attention.fetch_or(attention_waiter, std::memory_order_seq_cst);
    // Refused barrier: the slice bounds how late we look again.
    (void)heavy_barrier();
    if (!goes_on())
      return;
    futex_wait(record.wake, seen, sleep_slice_ns);
    free_if_owner_died(record);
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
    section_words words{};
    if (!words.read(section) || words.set == nullptr || words.object == nullptr)
      return;
    if (found < objects.size())
      objects[found] = words.object;
    ++found;
  });
  return found;
}

void wait_for_sections_of(const khelp_osd* object, std::uint64_t epoch) noexcept {
  for_each_section([&](thread_record& record, open_section& section) {
    wait_while(record, section, [&](const section_words& words) {
      return words.set != nullptr && words.object == object && words.opened_before(epoch);
    });
  });
}

void wait_for_deep_readers(std::uint32_t& deep) noexcept {
  wait_until_none_is_deep([count = std::atomic_ref<std::uint32_t>(deep)] {
    return count.load(std::memory_order_seq_cst) == 0;
  });
}

bool wait_for_open_sections(const void* key, std::uint64_t epoch) {
  if (!heavy_barrier())
    return false;
  for_each_section([&](thread_record& record, open_section& section) {
    wait_while(record, section, [&](const section_words& words) {
      return (key == nullptr || words.point == key) && words.opened_before(epoch);
    });
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

void publication::let_go() {
  publish(nullptr);
  current_ = &nothing_;
  deep_ = &deep_total;
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

bool reader_wait::uses_old(const void* point, const void* set) const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const target& t) {
    return t.key == point && (set == nullptr || set == t.set);
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
    wait_while(record, section,
               [this](const section_words& words) { return uses_old(words.point, words.set); });
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
    section_words words{};
    free = free && !(words.read(section) && uses_old(words.point, words.set));
  });
  if (!free || deep_readers_remain())
    return false;
  release(true);
  return true;
}

bool reader_wait::is_ours_alone() const {
  if (targets_.empty())
    return true;
  if (!heavy_barrier())
    return false;
  bool alone = true;
  for_each_section([&](thread_record& record, open_section& section) {
    section_words words{};
    alone = alone &&
            (&record == this_record || !(words.read(section) && uses_old(words.point, words.set)));
  });
  return alone && !deep_readers_remain();
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
