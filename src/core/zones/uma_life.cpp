#include "core/zones/uma_life.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/number_text.hpp"
#include "base/panic.hpp"

#if KHELP_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace khelp::uma {
namespace {

// What a free item is filled with; a tail shorter than a word gets its first bytes (U-3).
constexpr std::uint32_t free_pattern = 0xdeadc0de;
constexpr std::uint32_t never_poisoned =
    KHELP_UMA_ZONE_ZINIT | KHELP_UMA_ZONE_NOTOUCH | KHELP_UMA_ZONE_NOFREE;

int level_from_environment() noexcept {
  const char* words = secure_getenv("KHELP_UMA_DEBUG");
  const int level = words == nullptr ? 0 : std::atoi(words);
  return std::clamp(level, KHELP_UMA_DEBUG_OFF, KHELP_UMA_DEBUG_POISON);
}

std::atomic<int>& level() noexcept {
  static std::atomic<int> now{level_from_environment()};
  return now;
}

// ---- AddressSanitizer ----

bool hides_free_items([[maybe_unused]] const khelp_uma_zone& zone) noexcept {
  return KHELP_UNDER_ASAN && (zone.flags & (KHELP_UMA_ZONE_NOTOUCH | KHELP_UMA_ZONE_NOFREE)) == 0;
}

void hide([[maybe_unused]] const khelp_uma_zone& zone, [[maybe_unused]] void* item) noexcept {
#if KHELP_UNDER_ASAN
  if (hides_free_items(zone))
    __asan_poison_memory_region(item, zone.layout.stride);
#endif
}

void show([[maybe_unused]] const khelp_uma_zone& zone, [[maybe_unused]] void* item) noexcept {
#if KHELP_UNDER_ASAN
  if (hides_free_items(zone))
    __asan_unpoison_memory_region(item, static_cast<std::size_t>(zone.item_size));
#endif
}

// ---- the pattern ----

void fill(const khelp_uma_zone& zone, void* item) noexcept {
  if (!zone.poisons)
    return;
  auto* bytes = static_cast<unsigned char*>(item);
  for (std::size_t at = 0, size = static_cast<std::size_t>(zone.item_size); at < size; at += 4)
    std::memcpy(bytes + at, &free_pattern, std::min<std::size_t>(4, size - at));
}

void check_pattern(const khelp_uma_zone& zone, const void* item) noexcept {
  if (!zone.poisons)
    return;
  const auto* bytes = static_cast<const unsigned char*>(item);
  for (std::size_t at = 0, size = static_cast<std::size_t>(zone.item_size); at < size; at += 4) {
    std::uint32_t found = free_pattern;
    std::memcpy(&found, bytes + at, std::min<std::size_t>(4, size - at));
    if (found == free_pattern)
      continue;
    panic(zone, item,
          {"memory modified after free: ", number_text(item), "(",
           number_text(static_cast<std::uint64_t>(zone.item_size)),
           ") val=", number_text(found, 16), " @ ", number_text(bytes + at)});
  }
}

// ---- the bitmap ----

struct debug_bit {
  std::uint64_t& word;
  std::uint64_t bit;
};

debug_bit debug_bit_of(khelp_uma_zone& zone, void* item) noexcept {
  slab& s = slab_of(item);
  const unsigned index = zone.layout.index(s, item);
  return {zone.layout.debug_bits(s)[index / 64], std::uint64_t{1} << (index % 64)};
}

void mark_live(khelp_uma_zone& zone, void* item, const void* site) noexcept {
  if (zone.debug < KHELP_UMA_DEBUG_BITMAP)
    return;
  const debug_bit live = debug_bit_of(zone, item);
  if ((set_bits(live.word, live.bit) & live.bit) != 0)
    panic(zone, item, {"allocated twice"});
  if (zone.debug >= KHELP_UMA_DEBUG_POISON) {
    slab& s = slab_of(item);
    store_relaxed(zone.layout.sites(s)[zone.layout.index(s, item)], site);
  }
}

void mark_free(khelp_uma_zone& zone, void* item) noexcept {
  if (zone.debug < KHELP_UMA_DEBUG_BITMAP)
    return;
  if (!is_in_slab(item))
    panic(zone, item, {"freed, but no zone's item"});
  slab& s = slab_of(item);
  if (s.zone != &zone)
    panic(zone, item, {"freed to the wrong zone"});
  if (!zone.layout.is_item(s, item))
    panic(zone, item, {"freed, but not where an item starts"});
  const debug_bit live = debug_bit_of(zone, item);
  if ((clear_bits(live.word, live.bit) & live.bit) == 0)
    panic(zone, item, {"freed twice"});
}

void report_leak(const khelp_uma_zone& zone, slab& s, unsigned index) noexcept {
  const void* item = zone.layout.item(s, index);
  if (zone.debug < KHELP_UMA_DEBUG_POISON) {
    log(KHELP_LOG_WARNING, {"uma: zone ", zone.name, ": leaked item ", number_text(item)});
    return;
  }
  const void* site = load_relaxed(zone.layout.sites(s)[index]);
  Dl_info where{};
  const bool known = dladdr(site, &where) != 0;
  const char* file = known && where.dli_fname != nullptr ? where.dli_fname : "?";
  const char* function = known && where.dli_sname != nullptr ? where.dli_sname : "?";
  log(KHELP_LOG_WARNING, {"uma: zone ", zone.name, ": leaked item ", number_text(item),
                          ", allocated at ", number_text(site), " in ", function, " (", file, ")"});
}

}  // namespace

void panic(const khelp_uma_zone& zone, const void* item,
           std::initializer_list<std::string_view> words) noexcept {
  char line[256];
  char* end = line;
  const auto append = [&](std::string_view part) {
    const auto room = static_cast<std::size_t>(line + sizeof line - 1 - end);
    end = std::copy_n(part.data(), std::min(part.size(), room), end);
  };
  for (std::string_view part :
       {std::string_view("uma: zone "), std::string_view(zone.name), std::string_view(": item ")})
    append(part);
  append(number_text(item));
  append(": ");
  for (std::string_view part : words)
    append(part);
  khelp::panic({{line, static_cast<std::size_t>(end - line)}});
}

int debug_level() noexcept {
  return level();
}

void decide_work(khelp_uma_zone& zone) noexcept {
  zone.poisons = zone.debug >= KHELP_UMA_DEBUG_POISON && zone.init == nullptr &&
                 zone.fini == nullptr && (zone.flags & never_poisoned) == 0;
  const std::uint32_t looks = (zone.debug != KHELP_UMA_DEBUG_OFF ? work_debug : 0u) |
                              (hides_free_items(zone) ? work_asan : 0u);
  zone.alloc_work = looks | (zone.ctor != nullptr ? work_callback : 0u);
  zone.free_work = looks | (zone.dtor != nullptr ? work_callback : 0u);
}

void* begin_life(khelp_uma_zone& zone, void* item, void* arg, int request, const void* site) {
  // Back to the zone without dtor, unless ctor accepts the item.
  struct refusal {
    khelp_uma_zone& zone;
    void* item;
    ~refusal() {
      if (item == nullptr)
        return;
      fill(zone, item);
      hide(zone, item);
      zone.give_back(item);
      zone.count_failure();
    }
  } refuse{zone, item};
  show(zone, item);
  check_pattern(zone, item);
  if ((request & KHELP_M_ZERO) != 0)
    std::memset(item, 0, static_cast<std::size_t>(zone.item_size));  // before ctor: U-1
  if (zone.ctor != nullptr && zone.ctor(item, zone.item_size, arg, request) != 0)
    return nullptr;
  refuse.item = nullptr;
  mark_live(zone, item, site);
  return item;
}

void end_life(khelp_uma_zone& zone, void* item, void* arg) {
  mark_free(zone, item);
  struct freeing {
    khelp_uma_zone& zone;
    void* item;
    ~freeing() {
      fill(zone, item);
      hide(zone, item);
      zone.give_back(item);
    }
  } free_it{zone, item};
  if (zone.dtor != nullptr)
    zone.dtor(item, zone.item_size, arg);
}

void prepare_free_items(khelp_uma_zone& zone, slab& s) noexcept {
  if (!zone.poisons && !hides_free_items(zone))
    return;
  for (unsigned i = 0; i < zone.layout.items; ++i) {
    fill(zone, zone.layout.item(s, i));
    hide(zone, zone.layout.item(s, i));
  }
}

void check_free_item(khelp_uma_zone& zone, void* item) noexcept {
  show(zone, item);
  check_pattern(zone, item);
}

void forget_items([[maybe_unused]] khelp_uma_zone& zone, [[maybe_unused]] slab& s) noexcept {
#if KHELP_UNDER_ASAN
  __asan_unpoison_memory_region(zone.layout.item(s, 0), zone.layout.items * zone.layout.stride);
#endif
}

// Its slabs stay, so they can be gone through without the lock, which no sink is called with.
void report_leaks(khelp_uma_zone& zone) noexcept {
  using all_slabs = slab_list<&slab::among_all>;
  slab* first = nullptr;
  std::uint64_t items = 0;
  std::uint64_t pages = 0;
  {
    lock_guard held(zone.lock);
    first = zone.slabs.all().first();
    items = zone.out;
    pages = zone.slabs.slabs() * zone.layout.length / 4096;
    for (slab* s = first; s != nullptr; s = all_slabs::next(*s))
      s->zone = nullptr;
  }
  log(KHELP_LOG_WARNING, {"Freed UMA keg (", zone.name, ") was not empty (", number_text(items),
                          " items). Lost ", number_text(pages), " pages of memory."});
  if (zone.debug < KHELP_UMA_DEBUG_BITMAP)
    return;
  for (slab* s = first; s != nullptr; s = all_slabs::next(*s)) {
    const std::uint64_t* live = zone.layout.debug_bits(*s);
    for (unsigned i = 0; i < zone.layout.items; ++i) {
      if ((load_relaxed(live[i / 64]) >> (i % 64) & 1) != 0)
        report_leak(zone, *s, i);
    }
  }
}

}  // namespace khelp::uma

void khelp_uma_set_debug(int level) {
  khelp::uma::level() = std::clamp(level, KHELP_UMA_DEBUG_OFF, KHELP_UMA_DEBUG_POISON);
}
