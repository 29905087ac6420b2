#include "sync/run_wait.hpp"

#include <algorithm>
#include <chrono>

#include "sync/futex.hpp"

namespace khelp {

std::atomic<std::uint32_t> deep_waiters{0};
std::atomic<std::uint32_t> deep_wake{0};

namespace {

// A sleeper looks again this often: its waker may be a thread that died.
constexpr std::int64_t sleep_slice_ns = 50'000'000;
// A wait without a limit says after this time whom it waits for.
constexpr std::int64_t tell_after_ns = 10'000'000'000;

std::atomic<void (*)(const straggler&)> teller{nullptr};

std::int64_t now_ns() noexcept {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

// Note when a waiter saw the run inside for the first time. When it leaves, its thread forgets that
// (attend()), since it has been asked for attention.
std::int64_t first_seen(thread_record& record, std::size_t index) noexcept {
  const std::int64_t now = now_ns();
  std::int64_t seen = 0;
  const bool fresh = record.first_seen[index].compare_exchange_strong(seen, now);
  return fresh ? now : seen;
}

}  // namespace

// ---- run_wait ----

run_wait::run_wait(const deadline& limit) noexcept : limit_(limit), began_ns_(now_ns()) {}

std::int64_t run_wait::so_far_ns() const noexcept {
  return now_ns() - began_ns_;
}

bool run_wait::goes_on(const straggler& who) noexcept {
  who_ = who;
  if (limit_.has_passed())
    return false;
  auto* tell = teller.load();
  if (limit_.left_ns() < 0 && !told_ && tell != nullptr && so_far_ns() >= tell_after_ns) {
    told_ = true;
    tell(who_);
  }
  return true;
}

std::int64_t run_wait::slice_ns() const noexcept {
  const std::int64_t left = limit_.left_ns();
  return left < 0 ? sleep_slice_ns : std::min(left, sleep_slice_ns);
}

void tell_of_long_waits(void (*tell)(const straggler&)) noexcept {
  teller = tell;
}

// ---- waiting ----

bool sleep_on_section(thread_record& record, std::size_t index, run_wait& wait,
                      bool (*wanted)(const void* asked, const section_words&), const void* asked) {
  const open_section& section = record.sections[index];
  section_words words{};
  const auto goes_on = [&] { return words.read(section) && wanted(asked, words); };
  while (goes_on()) {
    const std::uint32_t seen = record.wake.load(std::memory_order_acquire);
    record.attention.fetch_or(attention_waiter, std::memory_order_seq_cst);
    // Refused barrier: the slice bounds how late we look again.
    (void)heavy_barrier();
    const std::int64_t since = first_seen(record, index);
    if (!goes_on()) {
      // It may have left before that was noted.
      record.first_seen[index].store(0);
      return true;
    }
    const pid_t tid = record.tid.load(std::memory_order_relaxed);
    if (!wait.goes_on({tid, words.point, words.set, words.object, now_ns() - since}))
      return false;
    futex_wait(record.wake, seen, wait.slice_ns());
    free_if_owner_died(record);
  }
  return true;
}

bool wait_for_deep(run_wait& wait, bool (*left)(const void* asked), const void* asked) {
  deep_waiters.fetch_add(1, std::memory_order_seq_cst);
  bool in_time = true;
  while (in_time) {
    const std::uint32_t seen = deep_wake.load(std::memory_order_seq_cst);
    if (left(asked))
      break;
    straggler unknown;
    unknown.seen_for_ns = wait.so_far_ns();
    in_time = wait.goes_on(unknown);
    if (in_time)
      futex_wait(deep_wake, seen, wait.slice_ns());
  }
  deep_waiters.fetch_sub(1, std::memory_order_seq_cst);
  return in_time;
}

waited wait_for_runs(const void* key, deep_runs& deep, run_wait& wait, std::uint64_t epoch) {
  if (!heavy_barrier())
    return waited::refused;
  const std::uint32_t mark = deep_mark(deep);
  const auto wanted = [&](const section_words& words) {
    return (key == nullptr || words.point == key) && words.opened_before(epoch);
  };
  const bool in_time = for_each_section([&](thread_record& record, std::size_t index) {
                         return wait_while(record, index, wait, wanted);
                       }) &&
                       wait_until_deep(wait, [&] { return deep_left(deep, mark); });
  return in_time ? waited::done : waited::too_late;
}

std::optional<open_since> sections_from_now() noexcept {
  const std::uint64_t epoch = begin_epoch();
  if (!heavy_barrier())
    return std::nullopt;
  return open_since{epoch, deep_mark(deep_total)};
}

bool wait_for_runs_of(const khelp_osd* object, const open_since& then, run_wait& wait) noexcept {
  const auto wanted = [&](const section_words& words) {
    return words.set != nullptr && words.object == object && words.opened_before(then.epoch);
  };
  return for_each_section([&](thread_record& record, std::size_t index) {
           return wait_while(record, index, wait, wanted);
         }) &&
         wait_until_deep(wait, [&] { return deep_left(deep_total, then.deep); });
}

// ---- looking ----

bool section_is_open(const void* key) noexcept {
  return !heavy_barrier() || section_is_open_after_barrier(key);
}

bool section_is_open_after_barrier(const void* key) noexcept {
  return !for_each_section([&](thread_record& record, std::size_t index) {
    return record.sections[index].point.load(std::memory_order_acquire) != key;
  });
}

std::size_t objects_in_sections(std::span<const khelp_osd*> objects, std::uint64_t epoch) noexcept {
  std::size_t found = 0;
  for_each_section([&](thread_record& record, std::size_t index) {
    section_words words{};
    if (!words.read(record.sections[index]) || words.set == nullptr || words.object == nullptr ||
        !words.opened_before(epoch))
      return true;
    if (found < objects.size())
      objects[found] = words.object;
    ++found;
    return true;
  });
  return found;
}

}  // namespace khelp
