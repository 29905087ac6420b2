#include "sync/section.hpp"

#include "sync/futex.hpp"

namespace khelp {

__thread std::uint32_t deep_depth = 0;

// publication.cpp: waiters for deep sections sleep on it.
extern std::atomic<std::uint32_t> deep_waiters;
extern std::atomic<std::uint32_t> deep_wake;

namespace {

std::atomic<void (*)(thread_record&) noexcept> deferred_hook{nullptr};

bool fences() noexcept {
  return decide_barrier_mode() == barrier_mode::fences;
}

void enter_deep(void** current, std::uint32_t& deep, const void*& set) noexcept {
  ++deep_depth;
  std::atomic_ref<std::uint32_t>(deep).fetch_add(1, std::memory_order_seq_cst);
  if (current != nullptr)
    set = std::atomic_ref<void*>(*current).load(std::memory_order_seq_cst);
}

void leave_deep(std::uint32_t& deep) noexcept {
  std::atomic_ref<std::uint32_t>(deep).fetch_sub(1, std::memory_order_seq_cst);
  --deep_depth;
  if (deep_waiters.load(std::memory_order_seq_cst) != 0) {
    deep_wake.fetch_add(1, std::memory_order_relaxed);
    futex_wake_all(deep_wake);
  }
  if (deep_depth == 0 && this_record != nullptr && wants_attention(*this_record))
    attend(*this_record);
}

}  // namespace

bool enter_section(const void* key, void** current, std::uint32_t& deep, const khelp_osd* object,
                   const void*& set) noexcept {
  thread_record* record = deep_depth != 0 ? nullptr : enrol();
  const std::uint32_t top = record == nullptr ? 0 : record->top.load(std::memory_order_relaxed);
  if (record == nullptr || top >= section_depth) {
    enter_deep(current, deep, set);
    return false;
  }
  open_section& section = open_record_section(*record, top, key, object);
  light_barrier();
  if (fences())
    std::atomic_thread_fence(std::memory_order_seq_cst);
  if (current != nullptr) {
    set = use_published<void>(section, *current);
  } else {
    section.set.store(key, std::memory_order_relaxed);
  }
  return true;
}

void leave_section(std::uint32_t& deep, bool recorded) noexcept {
  if (!recorded) {
    leave_deep(deep);
    return;
  }
  thread_record& record = *this_record;
  const std::uint32_t top = record.top.load(std::memory_order_relaxed) - 1;
  close_record_section(record, top, record.sections[top]);
  if (fences())
    std::atomic_thread_fence(std::memory_order_seq_cst);
  if (wants_attention(record))
    attend(record);
}

any_section::any_section(const void* key, void** current, std::uint32_t& deep,
                         const khelp_osd* object) noexcept
    : deep_(deep), recorded_(enter_section(key, current, deep, object, set_)) {}

any_section::~any_section() {
  leave_section(deep_, recorded_);
}

bool inside_section() noexcept {
  if (deep_depth != 0)
    return true;
  if (this_record == nullptr)
    return false;
  return this_record->top.load(std::memory_order_relaxed) > (fences() ? 1u : 0u);
}

void on_deferred(void (*fn)(thread_record&) noexcept) noexcept {
  deferred_hook.store(fn, std::memory_order_release);
}

void attend(thread_record& record) noexcept {
  const std::uint32_t wanted = record.attention.load(std::memory_order_relaxed);
  if (wanted & attention_waiter) {
    record.attention.fetch_and(~attention_waiter, std::memory_order_seq_cst);
    record.wake.fetch_add(1, std::memory_order_release);
    futex_wake_all(record.wake);
  }
  if (wanted & attention_deferred) {
    if (auto* fn = deferred_hook.load(std::memory_order_acquire))
      fn(record);
  }
}

}  // namespace khelp
