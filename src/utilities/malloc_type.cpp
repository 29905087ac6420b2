#include "utilities/malloc_type.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "base/cold_call.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "sync/word.hpp"

namespace khelp {

mutex types_mutex;

namespace {

malloc_record* records KHELP_GUARDED_BY(types_mutex) = nullptr;

malloc_record* make_record(const khelp_malloc_type& type) noexcept KHELP_REQUIRES(types_mutex) {
  const counter_block block = take_counter_block();
  if (block == no_counter_block)
    return nullptr;
  malloc_record* made = nullptr;
  try {
    made = new malloc_record(type, block);
  } catch (const std::bad_alloc&) {
    give_counter_block(block);
    return nullptr;
  }
  malloc_record** link = &records;
  while (*link != nullptr)
    link = &(*link)->next;
  *link = made;
  return made;
}

void unlist(const malloc_record& record) noexcept KHELP_REQUIRES(types_mutex) {
  malloc_record** link = &records;
  while (*link != &record)
    link = &(*link)->next;
  *link = record.next;
}

struct row {
  khelp_malloc_stat stat;
  std::string name;
  std::string words;
};

khelp_malloc_stat stat_of(const malloc_record& record) noexcept {
  khelp_malloc_stat stat{};
  stat.size = sizeof stat;
  stat.in_use = record.in_use();
  stat.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(record.bytes.level(), 0));
  stat.high_water = static_cast<std::uint64_t>(std::max<std::int64_t>(record.bytes.high(), 0));
  stat.frees = counter_sum(record.block, malloc_record::cell_frees);
  stat.failures = counter_sum(record.block, malloc_record::cell_failures);
  stat.requests = counter_sum(record.block, malloc_record::cell_allocations) + stat.failures;
  stat.mismatches = counter_sum(record.block, malloc_record::cell_mismatches);
  stat.sizes = record.sizes;
  return stat;
}

row row_of(const malloc_record& record) KHELP_REQUIRES(types_mutex) {
  return {stat_of(record), record.ended ? record.name + " (ended)" : record.name, record.words};
}

}  // namespace

malloc_record* first_record_of_types() noexcept {
  return records;
}

malloc_record* record_of(khelp_malloc_type& type) noexcept {
  if (void* known = load_acquire(type.khm_record))
    return static_cast<malloc_record*>(known);
  lock_guard held(types_mutex);
  if (void* known = load_relaxed(type.khm_record))
    return static_cast<malloc_record*>(known);
  malloc_record* made = make_record(type);
  store_release(type.khm_record, made);
  return made;
}

}  // namespace khelp

using namespace khelp;

void khelp_malloc_type_end(struct khelp_malloc_type* type) {
  auto* record = static_cast<malloc_record*>(exchange(type->khm_record, nullptr));
  if (record == nullptr)
    return;
  const std::uint64_t blocks = record->in_use();
  const auto bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(record->bytes.level(), 0));
  if (blocks != 0)
    log(KHELP_LOG_WARNING, {"malloc: type ", record->name, " ends with ", number_text(blocks),
                            " blocks out, ", number_text(bytes), " bytes"});
  {
    lock_guard held(types_mutex);
    record->ended = blocks != 0;
    if (record->ended)
      return;
    unlist(*record);
  }
  delete record;
}

int khelp_malloc_stats(void (*fn)(void* arg, const struct khelp_malloc_stat* stat), void* arg) {
  return cold_call([&]() -> result<void> {
    std::vector<row> rows;
    {
      lock_guard held(types_mutex);
      for (const malloc_record* r = first_record_of_types(); r != nullptr; r = r->next)
        rows.push_back(row_of(*r));
    }
    for (row& r : rows) {
      r.stat.name = r.name.c_str();
      r.stat.words = r.words.c_str();
      fn(arg, &r.stat);
    }
    return {};
  });
}

void khelp_malloc_type_stat(const struct khelp_malloc_type* type,
                            struct khelp_malloc_stat* stat) noexcept {
  const auto* record = static_cast<const malloc_record*>(load_acquire(type->khm_record));
  *stat = record != nullptr ? stat_of(*record) : khelp_malloc_stat{};
}
