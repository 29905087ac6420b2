#include "sync/section.hpp"

#include "sync/futex.hpp"

namespace khelp {

deep_runs deep_total = {};
epoch_line section_epoch;

// run_wait.cpp: waiters for deep sections sleep on it.
extern std::atomic<std::uint32_t> deep_waiters;
extern std::atomic<std::uint32_t> deep_wake;

namespace {

// This thread's deep sections, doubled, and the side of deep_total that it is counted in. One word, so
// that a signal handler finds both or neither.
__thread std::uint32_t deep_depth __attribute__((tls_model("initial-exec"))) = 0;
// Those that have a scope, innermost first.
__thread any_section* innermost_deep __attribute__((tls_model("initial-exec"))) = nullptr;

std::atomic<void (*)() noexcept> outermost_hook{nullptr};
// This thread asked for outermost_hook.
__thread bool outermost_wanted __attribute__((tls_model("initial-exec"))) = false;

bool fences() noexcept {
  return decide_barrier_mode() == barrier_mode::fences;
}

std::size_t open_sections_of(const thread_record& record) noexcept {
  std::size_t open = 0;
  while (open < section_depth && point_of(record.sections[open]) != nullptr)
    ++open;
  return open;
}

void run_outermost() noexcept {
  if (!outermost_wanted || inside_section())
    return;
  outermost_wanted = false;
  if (auto* fn = outermost_hook.load(std::memory_order_acquire))
    fn();
}

// This thread's first deep section counts it, its last one does it again.
void begin_deep() noexcept {
  const std::uint32_t depth = deep_depth;
  if (depth >= 2)
    deep_depth = depth + 2;
  else
    deep_depth = 2 + enter_deep(deep_total);
}

void end_deep() noexcept {
  const std::uint32_t depth = deep_depth - 2;
  deep_depth = depth >= 2 ? depth : 0;
  if (depth < 2)
    leave_deep(deep_total, depth);
  if (deep_waiters.load(std::memory_order_seq_cst) != 0) {
    deep_wake.fetch_add(1, std::memory_order_relaxed);
    futex_wake_all(deep_wake);
  }
  run_outermost();
}

// nullptr: there is no room.
open_section* open_any(const void* key, const khelp_osd* object) noexcept {
  thread_record* record = is_deep() ? nullptr : enrol();
  const std::size_t index = record == nullptr ? section_depth : open_sections_of(*record);
  if (index == section_depth)
    return nullptr;
  open_section& section = open_record_section(*record, index, key, object);
  light_barrier();
  if (fences())
    std::atomic_thread_fence(std::memory_order_seq_cst);
  return &section;
}

void close_any() noexcept {
  thread_record& record = *this_record;
  close_record_section(record.sections[open_sections_of(record) - 1]);
  if (fences())
    std::atomic_thread_fence(std::memory_order_seq_cst);
  if (wants_attention(record))
    attend(record);
}

// Nothing is published at the place: the section protects what it names.
void use_nothing(open_section& section) noexcept {
  section.set.store(point_of(section), std::memory_order_release);
}

}  // namespace

any_section::any_section(const void* key, void** current, deep_runs& deep,
                         const khelp_osd* object) noexcept
    : key_(key), deep_(deep) {
  open_section* section = open_any(key, object);
  recorded_ = section != nullptr;
  if (!recorded_)
    enter_deep(current);
  else if (current != nullptr)
    set_ = use_published<void>(*section, *current);
  else
    use_nothing(*section);
}

any_section::~any_section() {
  if (recorded_)
    close_any();
  else
    leave_deep();
}

void any_section::enter_deep(void** current) noexcept {
  begin_deep();
  side_ = khelp::enter_deep(deep_);
  outer_ = innermost_deep;
  innermost_deep = this;
  if (current != nullptr)
    set_ = std::atomic_ref<void*>(*current).load(std::memory_order_seq_cst);
}

void any_section::leave_deep() noexcept {
  innermost_deep = outer_;
  khelp::leave_deep(deep_, side_);
  end_deep();
}

void enter_object_section(const void* key, const khelp_osd* object) noexcept {
  if (open_section* section = open_any(key, object))
    use_nothing(*section);
  else
    begin_deep();
}

void leave_object_section() noexcept {
  // Once deep, everything further in is deep too: the innermost section is deep exactly when one is.
  if (is_deep())
    end_deep();
  else
    close_any();
}

bool is_deep() noexcept {
  return deep_depth != 0;
}

bool inside_section() noexcept {
  if (is_deep())
    return true;
  return this_record != nullptr && !may_open_first(*this_record);
}

void deep_sections_after_fork() noexcept {
  forget_deep(deep_total);
  if (is_deep())
    count_deep_again(deep_total, deep_depth & 1);
  for (const any_section* deep = innermost_deep; deep != nullptr; deep = deep->outer_)
    count_deep_again(deep->deep_, deep->side_);
}

bool inside_section_of(const khelp_osd* object) noexcept {
  if (is_deep())
    return true;
  if (this_record == nullptr)
    return false;
  for (const open_section& section : this_record->sections) {
    if (section.point.load(std::memory_order_relaxed) != nullptr &&
        section.object.load(std::memory_order_relaxed) == object)
      return true;
  }
  return false;
}

std::uint32_t depth_of(const void* key) noexcept {
  std::uint32_t depth = 0;
  for (const any_section* deep = innermost_deep; deep != nullptr; deep = deep->outer_)
    depth += deep->key_ == key ? 1 : 0;
  if (this_record != nullptr) {
    for (const open_section& section : this_record->sections)
      depth += section.point.load(std::memory_order_relaxed) == key ? 1 : 0;
  }
  return depth;
}

void when_outermost_closes(void (*fn)() noexcept) noexcept {
  outermost_hook.store(fn, std::memory_order_release);
  outermost_wanted = true;
  if (this_record != nullptr)
    this_record->attention.fetch_or(attention_outermost, std::memory_order_relaxed);
  run_outermost();
}

void attend(thread_record& record) noexcept {
  const std::uint32_t wanted = record.attention.load(std::memory_order_relaxed);
  if (wanted & attention_waiter) {
    record.attention.fetch_and(~attention_waiter, std::memory_order_seq_cst);
    for (std::size_t i = open_sections_of(record); i < section_depth; ++i)
      record.first_seen[i].store(0, std::memory_order_relaxed);
    record.wake.fetch_add(1, std::memory_order_release);
    futex_wake_all(record.wake);
  }
  if ((wanted & attention_outermost) && !inside_section()) {
    record.attention.fetch_and(~attention_outermost, std::memory_order_relaxed);
    run_outermost();
  }
}

}  // namespace khelp
