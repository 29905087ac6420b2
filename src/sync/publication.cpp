#include "sync/publication.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "sync/section.hpp"

namespace khelp {

mutex registry_mutex;

namespace {

// Guarded by registry_mutex; singly linked through publication::next_.
publication* places_with_retired KHELP_GUARDED_BY(registry_mutex) = nullptr;

}  // namespace

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
  for (published_set* set = retired_; set != nullptr; set = set->retired_next)
    set->deep_when_retired = deep_mark(deep_total);
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

bool publication::deep_readers_left(const published_set& set) {
  return set.place == nullptr || deep_left(*set.place->deep_, set.deep_when_retired);
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
  full_barrier();
  old->place = this;
  old->deep_when_retired = deep_mark(*deep_);
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

void reader_wait::prepare(std::size_t more, set_filter wanted) {
  prepared_ += more;
  for_each_retired(
      [&](const published_set& set) { prepared_ += !set.quiescent && wanted(set) ? 1 : 0; });
  targets_.reserve(prepared_);
}

void reader_wait::include(set_filter wanted) noexcept {
  for (publication* p = places_with_retired; p != nullptr; p = p->next_) {
    for (published_set* set = p->retired_; set != nullptr; set = set->retired_next) {
      const bool included = std::any_of(targets_.begin(), targets_.end(),
                                        [set](const target& t) { return t.set == set; });
      if (included || set->quiescent || !wanted(*set))
        continue;
      ++set->waiters;
      targets_.push_back({set, p->key()});
    }
  }
}

bool reader_wait::uses_old(const section_words& words) const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const target& t) {
    return t.key == words.point && (words.set == nullptr || words.set == t.set);
  });
}

waited reader_wait::finish(run_wait& wait) {
  reader_wait* const alone[] = {this};
  return finish_all(alone, wait);
}

waited reader_wait::finish_all(std::span<reader_wait* const> waits, run_wait& wait) {
  const auto is_idle = [](const reader_wait* w) { return w->targets_.empty(); };
  if (std::all_of(waits.begin(), waits.end(), is_idle))
    return waited::done;
  if (!heavy_barrier()) {
    for (reader_wait* w : waits)
      w->release(false);
    return waited::refused;
  }
  for (reader_wait* w : waits) {
    if (!w->wait_for_readers(wait))
      return waited::too_late;
  }
  for (reader_wait* w : waits)
    w->release(true);
  return waited::done;
}

bool reader_wait::wait_for_readers(run_wait& wait) const {
  const auto wanted = [this](const section_words& words) { return uses_old(words); };
  return for_each_section([&](thread_record& record, std::size_t index) {
           return wait_while(record, index, wait, wanted);
         }) &&
         wait_until_deep(wait, [this] { return deep_readers_left(); });
}

bool reader_wait::deep_readers_left() const {
  if (none_is_deep(deep_total))
    return true;
  lock_guard held(registry_mutex);
  return std::all_of(targets_.begin(), targets_.end(), [](const target& t) KHELP_NO_TSA {
    return publication::deep_readers_left(*t.set);
  });
}

bool reader_wait::try_finish() {
  if (targets_.empty())
    return true;
  if (!heavy_barrier())
    return false;
  const bool free = for_each_section([this](thread_record& record, std::size_t index) {
    section_words words{};
    return !(words.read(record.sections[index]) && uses_old(words));
  });
  if (!free || !deep_readers_left())
    return false;
  release(true);
  return true;
}

bool reader_wait::is_ours_alone() const {
  if (targets_.empty())
    return true;
  if (!heavy_barrier())
    return false;
  const bool alone = for_each_section([this](thread_record& record, std::size_t index) {
    section_words words{};
    return &record == this_record || !(words.read(record.sections[index]) && uses_old(words));
  });
  return alone && deep_readers_left();
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

unsigned free_quiescent_sets() noexcept {
  // Under the mutex from begin to end: a list of the sets to be looked at without it would take memory.
  lock_guard held(registry_mutex);
  if (places_with_retired == nullptr)
    return 0;
  const bool known = heavy_barrier();
  const auto for_each_set = [](auto fn) KHELP_NO_TSA {
    publication* next_place = nullptr;
    for (publication* p = places_with_retired; p != nullptr; p = next_place) {
      next_place = p->next_;
      published_set* next = nullptr;
      for (published_set* set = p->retired_; set != nullptr; set = next) {
        next = set->retired_next;
        fn(*p, *set);
      }
    }
  };
  if (known) {
    for_each_section([&](thread_record& record, std::size_t index) {
      section_words words{};
      if (!words.read(record.sections[index]))
        return true;
      for_each_set([&](const publication& place, published_set& set) {
        if (place.key() == words.point && (words.set == nullptr || words.set == &set))
          set.seen_in_use = true;
      });
      return true;
    });
  }
  unsigned remaining = 0;
  for_each_set([&](const publication&, published_set& set) KHELP_NO_TSA {
    const bool in_use = std::exchange(set.seen_in_use, false);
    const bool free = known && !in_use && publication::deep_readers_left(set);
    remaining += free ? 0 : 1;
    ++set.waiters;
    publication::drop_waiter(set, free);
  });
  return remaining;
}

void forget_deep_readers() {
  for (publication* p = places_with_retired; p != nullptr; p = p->next_)
    forget_deep(*p->deep_);
}

}  // namespace khelp
