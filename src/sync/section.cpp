#include "sync/section.hpp"

#include "sync/futex.hpp"

namespace khelp {

__thread std::uint32_t deep_depth = 0;
std::uint32_t deep_total = 0;
epoch_line section_epoch;

// publication.cpp: waiters for deep sections sleep on it.
extern std::atomic<std::uint32_t> deep_waiters;
extern std::atomic<std::uint32_t> deep_wake;

namespace {

// This thread's deep sections that have a scope, innermost first.
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

void enter_deep(void** current, std::uint32_t& deep, const void*& set) noexcept {
  ++deep_depth;
  std::atomic_ref<std::uint32_t>(deep_total).fetch_add(1, std::memory_order_seq_cst);
  std::atomic_ref<std::uint32_t>(deep).fetch_add(1, std::memory_order_seq_cst);
  if (current != nullptr)
    set = std::atomic_ref<void*>(*current).load(std::memory_order_seq_cst);
}

void leave_deep(std::uint32_t& deep) noexcept {
  std::atomic_ref<std::uint32_t>(deep).fetch_sub(1, std::memory_order_seq_cst);
  std::atomic_ref<std::uint32_t>(deep_total).fetch_sub(1, std::memory_order_seq_cst);
  --deep_depth;
  if (deep_waiters.load(std::memory_order_seq_cst) != 0) {
    deep_wake.fetch_add(1, std::memory_order_relaxed);
    futex_wake_all(deep_wake);
  }
  run_outermost();
}

}  // namespace

bool enter_section(const void* key, void** current, std::uint32_t& deep, const khelp_osd* object,
                   const void*& set) noexcept {
  thread_record* record = deep_depth != 0 ? nullptr : enrol();
  const std::size_t index = record == nullptr ? section_depth : open_sections_of(*record);
  if (index == section_depth) {
    enter_deep(current, deep, set);
    return false;
  }
  open_section& section = open_record_section(*record, index, key, object);
  light_barrier();
  if (fences())
    std::atomic_thread_fence(std::memory_order_seq_cst);
  if (current != nullptr) {
    set = use_published<void>(section, *current);
  } else {
    section.set.store(key, std::memory_order_release);
  }
  return true;
}

void leave_section(std::uint32_t& deep, bool recorded) noexcept {
  if (!recorded) {
    leave_deep(deep);
    return;
  }
  thread_record& record = *this_record;
  close_record_section(record.sections[open_sections_of(record) - 1]);
  if (fences())
    std::atomic_thread_fence(std::memory_order_seq_cst);
  if (wants_attention(record))
    attend(record);
}

any_section::any_section(const void* key, void** current, std::uint32_t& deep,
                         const khelp_osd* object) noexcept
    : key_(key), deep_(deep), recorded_(enter_section(key, current, deep, object, set_)) {
  if (!recorded_) {
    outer_ = innermost_deep;
    innermost_deep = this;
  }
}

any_section::~any_section() {
  if (!recorded_)
    innermost_deep = outer_;
  leave_section(deep_, recorded_);
}

bool inside_section() noexcept {
  if (deep_depth != 0)
    return true;
  return this_record != nullptr && !may_open_first(*this_record);
}

void deep_sections_after_fork() noexcept {
  std::atomic_ref<std::uint32_t>(deep_total).store(deep_depth, std::memory_order_relaxed);
}

bool inside_section_of(const khelp_osd* object) noexcept {
  if (deep_depth != 0)
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
    record.wake.fetch_add(1, std::memory_order_release);
    futex_wake_all(record.wake);
  }
  if ((wanted & attention_outermost) && !inside_section()) {
    record.attention.fetch_and(~attention_outermost, std::memory_order_relaxed);
    run_outermost();
  }
}

}  // namespace khelp
