// The life of an item, and what a zone says of itself.
#include "core/zones/uma.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <khelp/error.h>
#include <khelp/log.h>
#include <khelp/uma.h>

#include "core/zones/uma_zone.hpp"

namespace {

// What callbacks were called with, in order. A zone's name tells nothing to a callback, so there is
// one journal per process; each test clears it.
struct journal_entry {
  char call;  // i, c, d, f
  void* item;
  void* arg;
  int size;
};
std::vector<journal_entry> journal;
int ctor_result = 0;

int on_init(void* item, int size, int) {
  journal.push_back({'i', item, nullptr, size});
  return 0;
}
int on_ctor(void* item, int size, void* arg, int) {
  journal.push_back({'c', item, arg, size});
  return ctor_result;
}
void on_dtor(void* item, int size, void* arg) {
  journal.push_back({'d', item, arg, size});
}
void on_fini(void* item, int size) {
  journal.push_back({'f', item, nullptr, size});
}

std::string calls_about(const void* item) {
  std::string calls;
  for (const journal_entry& e : journal) {
    if (e.item == item)
      calls += e.call;
  }
  return calls;
}

khelp_uma_stat stat_of(khelp_uma_zone_t zone) {
  struct wanted {
    std::string name;
    khelp_uma_stat stat;
  } w{zone->name, {}};
  khelp_uma_stats(
      [](void* arg, const khelp_uma_stat* stat) {
        auto* want = static_cast<wanted*>(arg);
        if (want->name == stat->name)
          want->stat = *stat;
      },
      &w);
  return w.stat;
}

class uma : public testing::Test {
 protected:
  void SetUp() override {
    journal.clear();
    ctor_result = 0;
  }
};

khelp_uma_zone_t plain_zone(const char* name, std::size_t size, std::uint32_t flags = 0) {
  return khelp_uma_zcreate(name, size, nullptr, nullptr, nullptr, nullptr, 0, flags);
}

TEST_F(uma, conformance_35_an_item_lives_init_ctor_dtor_ctor_dtor_fini) {
  khelp_uma_zone_t zone =
      khelp_uma_zcreate("journal", 100, on_ctor, on_dtor, on_init, on_fini, 0, 0);
  int first = 0;
  int second = 0;
  void* item = khelp_uma_zalloc_arg(zone, &first, KHELP_M_WAITOK);
  EXPECT_EQ(calls_about(item), "ic");
  EXPECT_EQ(journal.back().arg, &first);
  EXPECT_EQ(journal.back().size, 100);
  khelp_uma_zfree_arg(zone, item, &second);
  EXPECT_EQ(calls_about(item), "icd");
  EXPECT_EQ(journal.back().arg, &second);
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), item) << "the last freed is the next allocated";
  khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
  EXPECT_EQ(calls_about(item), "icdcdf");
}

int finis = 0;
int inits_before_failing = 0;

TEST_F(uma, a_fini_that_throws_is_told_and_the_other_items_get_theirs) {
  std::vector<std::string> told;
  khelp_log_set_sink(
      [](void* arg, int, const char* words) {
        static_cast<std::vector<std::string>*>(arg)->emplace_back(words);
      },
      &told);
  const khelp_uma_fini fini = [](void*, int) {
    if (++finis == 1)
      throw std::runtime_error("no");
  };
  const khelp_uma_init init = [](void*, int, int) {
    if (inits_before_failing-- == 0)
      throw std::runtime_error("cannot");
    return 0;
  };
  khelp_uma_zone_t zone = khelp_uma_zcreate("throwing", 1000, nullptr, nullptr, init, fini, 0, 0);
  finis = 0;
  inits_before_failing = 3;
  EXPECT_THROW(khelp_uma_zalloc(zone, KHELP_M_WAITOK), std::runtime_error);
  EXPECT_EQ(finis, 3) << "undone although the first threw in turn";
  finis = 0;
  inits_before_failing = -1;
  khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  khelp_uma_zdestroy(zone);
  EXPECT_GT(finis, 1);
  khelp_log_set_sink(nullptr, nullptr);
  EXPECT_EQ(told, std::vector<std::string>(2, "zone 'throwing': its fini threw: no"));
}

TEST_F(uma, init_and_fini_run_once_for_every_item_of_a_slab) {
  khelp_uma_zone_t zone = khelp_uma_zcreate("slab", 1000, nullptr, nullptr, on_init, on_fini, 0, 0);
  khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  const std::size_t items = journal.size();
  EXPECT_GT(items, 50u);
  khelp_uma_zdestroy(zone);
  EXPECT_EQ(journal.size(), 2 * items);
  std::set<void*> inited;
  std::set<void*> finied;
  for (const journal_entry& e : journal)
    (e.call == 'i' ? inited : finied).insert(e.item);
  EXPECT_EQ(inited, finied);
  EXPECT_EQ(inited.size(), items);
}

TEST_F(uma, between_dtor_and_ctor_an_item_keeps_what_init_made_of_it) {
  khelp_uma_zone_t zone = khelp_uma_zcreate(
      "type_stable", 32, nullptr, nullptr,
      [](void* item, int size, int) {
        std::memset(item, 7, static_cast<std::size_t>(size));
        return 0;
      },
      nullptr, 0, 0);
  for (int round = 0; round < 3; ++round) {
    auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    EXPECT_EQ(std::count(item, item + 32, 7), 32);
    khelp_uma_zfree(zone, item);
  }
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, conformance_35_a_refusing_ctor_fails_the_allocation_even_with_waitok_and_runs_no_dtor) {
  khelp_uma_zone_t zone =
      khelp_uma_zcreate("refusing", 64, on_ctor, on_dtor, nullptr, nullptr, 0, 0);
  ctor_result = 5;
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_WAITOK), nullptr);
  EXPECT_EQ(calls_about(journal.back().item), "c");
  EXPECT_EQ(stat_of(zone).fails, 1u);
  EXPECT_EQ(stat_of(zone).used, 0u);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST_F(uma, a_throwing_ctor_or_dtor_leaves_the_zone_balanced) {
  khelp_uma_zone_t zone = khelp_uma_zcreate(
      "throwing", 64,
      [](void*, int, void* arg, int) -> int {
        if (arg != nullptr)
          throw std::runtime_error("ctor");
        return 0;
      },
      [](void*, int, void* arg) {
        if (arg != nullptr)
          throw std::runtime_error("dtor");
      },
      nullptr, nullptr, 0, 0);
  int yes = 0;
  EXPECT_THROW(khelp_uma_zalloc_arg(zone, &yes, KHELP_M_WAITOK), std::runtime_error);
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 1);
  EXPECT_THROW(khelp_uma_zfree_arg(zone, item, &yes), std::runtime_error);
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

// One thing that fails at its third call, seen by callbacks.
int inits_left = 0;

TEST_F(uma, a_failing_init_gives_the_slab_back_and_fails_the_allocation) {
  khelp_uma_zone_t zone = khelp_uma_zcreate(
      "bad_init", 1000, nullptr, nullptr,
      [](void* item, int size, int) {
        if (inits_left-- == 0)
          return ENOMEM;
        return on_init(item, size, 0);
      },
      on_fini, 0, 0);
  inits_left = 2;
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
  ASSERT_EQ(journal.size(), 4u) << "two inits, two finis";
  EXPECT_EQ(calls_about(journal[0].item), "if");
  EXPECT_EQ(stat_of(zone).pages, 0u);
  EXPECT_EQ(stat_of(zone).fails, 1u);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, m_zero_zeroes_before_the_ctor) {
  khelp_uma_zone_t zone = khelp_uma_zcreate(
      "U-1", 64,
      [](void* item, int, void*, int) {
        static_cast<char*>(item)[3] = 'x';
        return 0;
      },
      nullptr, nullptr, nullptr, 0, 0);
  for (int round = 0; round < 2; ++round) {
    auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK | KHELP_M_ZERO));
    EXPECT_EQ(item[3], 'x');
    EXPECT_EQ(std::count(item, item + 64, '\0'), 63);
    std::memset(item, 'y', 64);
    khelp_uma_zfree(zone, item);
  }
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, without_m_zero_a_plain_recycled_item_is_left_as_it_was) {
  khelp_uma_zone_t zone = plain_zone("recycled", 64, KHELP_UMA_ZONE_NOTOUCH);
  auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  std::memset(item, 'y', 64);
  khelp_uma_zfree(zone, item);
  ASSERT_EQ(khelp_uma_zalloc(zone, KHELP_M_WAITOK), item);
  EXPECT_EQ(std::count(item, item + 64, 'y'), 64);
  khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, freeing_null_is_nothing) {
  khelp_uma_zone_t zone = khelp_uma_zcreate("null", 64, on_ctor, on_dtor, nullptr, nullptr, 0, 0);
  khelp_uma_zfree(zone, nullptr);
  khelp_uma_zfree_arg(zone, nullptr, &zone);
  EXPECT_TRUE(journal.empty());
  EXPECT_EQ(stat_of(zone).frees, 0u);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, conformance_38_items_are_aligned_for_a_type_of_their_size_although_align_is_0) {
  for (std::size_t size : {1u, 2u, 3u, 4u, 6u, 8u, 12u, 16u, 24u, 40u, 48u, 100u, 4096u, 100000u}) {
    khelp_uma_zone_t zone = plain_zone("aligned", size);
    const std::size_t wanted = std::min<std::size_t>(size & (~size + 1), 16);
    std::vector<void*> items;
    for (int i = 0; i < 50; ++i)
      items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    for (void* item : items) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(item) % wanted, 0u) << size;
      std::memset(item, 0xff, size);
      khelp_uma_zfree(zone, item);
    }
    khelp_uma_zdestroy(zone);
  }
}

TEST_F(uma, a_larger_alignment_is_honoured) {
  for (int mask : {63, 4095, KHELP_UMA_ALIGN_CACHE}) {
    khelp_uma_zone_t zone =
        khelp_uma_zcreate("aligned", 24, nullptr, nullptr, nullptr, nullptr, mask, 0);
    const std::size_t wanted =
        mask == KHELP_UMA_ALIGN_CACHE ? 64 : static_cast<std::size_t>(mask) + 1;
    for (int i = 0; i < 3; ++i) {
      void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(item) % wanted, 0u);
      khelp_uma_zfree(zone, item);
    }
    khelp_uma_zdestroy(zone);
  }
}

TEST_F(uma, a_zone_that_cannot_be_is_refused_in_words) {
  EXPECT_EQ(plain_zone("nothing", 0), nullptr);
  EXPECT_NE(std::string(khelp_failure_text()).find("size"), std::string::npos);
  for (int mask : {2, 4, 8191, -2}) {
    EXPECT_EQ(khelp_uma_zcreate("bad", 8, nullptr, nullptr, nullptr, nullptr, mask, 0), nullptr);
    EXPECT_NE(std::string(khelp_failure_text()).find("alignment"), std::string::npos);
  }
}

TEST_F(uma, the_name_is_copied_and_a_second_zone_of_that_name_gets_a_number) {
  char name[] = "twice";
  khelp_uma_zone_t first = plain_zone(name, 8);
  khelp_uma_zone_t second = plain_zone(name, 8);
  std::strcpy(name, "gone");
  std::vector<std::string> names;
  khelp_uma_stats(
      [](void* arg, const khelp_uma_stat* stat) {
        static_cast<std::vector<std::string>*>(arg)->push_back(stat->name);
      },
      &names);
  EXPECT_EQ(std::count(names.begin(), names.end(), "twice"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "twice-1"), 1);
  khelp_uma_zdestroy(second);
  khelp_uma_zdestroy(first);
}

TEST_F(uma, items_are_apart_and_all_of_each_is_usable) {
  khelp_uma_zone_t zone = plain_zone("apart", 72);
  std::vector<unsigned char*> items;
  for (int i = 0; i < 5000; ++i) {
    items.push_back(static_cast<unsigned char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK)));
    std::memset(items.back(), i % 251, 72);
  }
  for (int i = 0; i < 5000; ++i)
    ASSERT_EQ(std::count(items[static_cast<std::size_t>(i)],
                         items[static_cast<std::size_t>(i)] + 72, i % 251),
              72);
  for (unsigned char* item : items)
    khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST_F(uma, small_items_cost_at_most_five_percent_more_than_their_size) {
  khelp_uma_zone_t zone = plain_zone("overhead", 64);
  khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  const khelp_uma_stat stat = stat_of(zone);
  EXPECT_LE(static_cast<double>(stat.pages * 4096),
            1.05 * 64 * static_cast<double>(stat.free + stat.used));
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, statistics_add_up) {
  khelp_uma_zone_t zone = plain_zone("sums", 200);
  std::vector<void*> items;
  for (int i = 0; i < 1000; ++i)
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  for (int i = 0; i < 400; ++i) {
    khelp_uma_zfree(zone, items.back());
    items.pop_back();
  }
  const khelp_uma_stat stat = stat_of(zone);
  EXPECT_EQ(stat.size, sizeof stat);
  EXPECT_EQ(stat.item_size, 200u);
  EXPECT_GE(stat.real_size, 200u);
  EXPECT_EQ(stat.allocs, 1000u);
  EXPECT_EQ(stat.frees, 400u);
  EXPECT_EQ(stat.used, 600u);
  const unsigned per_slab = zone->layout.items;
  EXPECT_EQ((stat.used + stat.free) % per_slab, 0u);
  EXPECT_EQ(stat.pages, (stat.used + stat.free) / per_slab * (zone->layout.length / 4096));
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 600);
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST_F(uma, destroying_a_zone_in_use_can_be_refused) {
  khelp_uma_zone_t zone = plain_zone("busy", 64);
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), EBUSY);
  EXPECT_STRNE(khelp_failure_text(), "");
  void* another = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  EXPECT_NE(another, nullptr) << "the zone goes on";
  khelp_uma_zfree(zone, another);
  khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST_F(uma, a_zone_without_buckets_keeps_its_free_items_in_slabs) {
  khelp_uma_zone_t zone = plain_zone("nobucket", 64, KHELP_UMA_ZONE_NOBUCKET);
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  khelp_uma_zfree(zone, item);
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN);
  EXPECT_EQ(stat_of(zone).pages, 0u);
  EXPECT_EQ(stat_of(zone).allocs, 1u);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, draining_the_caches_gives_all_memory_back) {
  khelp_uma_zone_t zone = khelp_uma_zcreate("drain", 64, nullptr, nullptr, on_init, on_fini, 0, 0);
  std::vector<void*> items;
  for (int i = 0; i < 10000; ++i)
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  const std::uint64_t before = stat_of(zone).pages;
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN);
  const std::uint64_t drained = stat_of(zone).pages;
  EXPECT_LT(drained, before);
  EXPECT_GT(drained, 0u) << "this thread's cache holds some";
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  EXPECT_EQ(stat_of(zone).pages, 0u);
  EXPECT_EQ(std::count_if(journal.begin(), journal.end(),
                          [](const journal_entry& e) { return e.call == 'f'; }),
            static_cast<std::ptrdiff_t>(journal.size() / 2));
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, trimming_keeps_what_was_needed_since_the_last_trim) {
  khelp_uma_zone_t zone = plain_zone("trim", 4096);
  std::vector<void*> items;
  const auto use = [&](std::size_t n) {
    while (items.size() < n)
      items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    for (void* item : items)
      khelp_uma_zfree(zone, item);
    items.clear();
  };
  use(1000);
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_TRIM);
  const std::uint64_t full = stat_of(zone).pages;
  use(1000);
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_TRIM);
  EXPECT_EQ(stat_of(zone).pages, full) << "all of it was in use";
  use(10);
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_TRIM);
  EXPECT_LT(stat_of(zone).pages, full / 4);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, slabs_of_a_nofree_zone_stay_until_it_ends) {
  khelp_uma_zone_t zone =
      khelp_uma_zcreate("nofree", 64, nullptr, nullptr, on_init, on_fini, 0, KHELP_UMA_ZONE_NOFREE);
  khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  const std::size_t inits = journal.size();
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  EXPECT_EQ(journal.size(), inits);
  khelp_uma_zdestroy(zone);
  EXPECT_EQ(journal.size(), 2 * inits);
}

TEST_F(uma, prealloc_makes_the_slabs_now) {
  khelp_uma_zone_t zone = khelp_uma_zcreate("pre", 100, nullptr, nullptr, on_init, nullptr, 0, 0);
  EXPECT_EQ(khelp_uma_prealloc(zone, 3000), 0);
  EXPECT_GE(journal.size(), 3000u);
  EXPECT_GE(stat_of(zone).free, 3000u);
  const std::uint64_t pages = stat_of(zone).pages;
  std::vector<void*> items;
  for (int i = 0; i < 3000; ++i)
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_NOWAIT));
  EXPECT_EQ(stat_of(zone).pages, pages);
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, a_full_cache_can_be_bounded) {
  khelp_uma_zone_t zone = plain_zone("maxcache", 64);
  khelp_uma_zone_set_maxcache(zone, 8);
  std::vector<void*> items;
  for (int i = 0; i < 1000; ++i)
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  zone->lock.lock();
  EXPECT_LE(zone->out, 16u) << "8 in the depot, 8 in this thread's cache";
  zone->lock.unlock();
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, zone_of_finds_the_zone_of_an_item_and_served_by_whom_it_serves) {
  int helper = 0;
  khelp_uma_zone_t zone = plain_zone("found", 500);
  EXPECT_EQ(khelp::uma::served_by(zone), nullptr);
  EXPECT_TRUE(khelp::uma::serve(zone, &helper));
  std::vector<void*> items;
  for (int i = 0; i < 300; ++i)
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  for (void* item : items) {
    EXPECT_EQ(khelp::uma::zone_of(item), zone);
    khelp_uma_zfree(zone, item);
  }
  EXPECT_EQ(khelp::uma::served_by(zone), &helper);
  khelp_uma_zdestroy(zone);
}

TEST_F(uma, items_larger_than_a_slab_have_one_each) {
  khelp_uma_zone_t zone = plain_zone("large", 3'000'000);
  auto* item = static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  std::memset(item, 'x', 3'000'000);
  EXPECT_EQ(khelp::uma::zone_of(item), zone);
  khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST_F(uma, ignored_flags_do_no_harm) {
  constexpr std::uint32_t ignored =
      KHELP_UMA_ZONE_CONTIG | KHELP_UMA_ZONE_MTXCLASS | KHELP_UMA_ZONE_VM | KHELP_UMA_ZONE_NOTPAGE |
      KHELP_UMA_ZONE_CACHESPREAD | KHELP_UMA_ZONE_NODUMP | KHELP_UMA_ZONE_PCPU |
      KHELP_UMA_ZONE_FIRSTTOUCH | KHELP_UMA_ZONE_ROUNDROBIN | KHELP_UMA_ZONE_SMR |
      KHELP_UMA_ZONE_MAXBUCKET;
  khelp_uma_zone_t zone = plain_zone("ignored", 64, ignored);
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  ASSERT_NE(item, nullptr);
  khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST_F(uma, zinit_gives_zeroed_items) {
  khelp_uma_zone_t zone = plain_zone("zinit", 64, KHELP_UMA_ZONE_ZINIT);
  std::vector<char*> items;
  for (int i = 0; i < 2000; ++i) {
    items.push_back(static_cast<char*>(khelp_uma_zalloc(zone, KHELP_M_WAITOK)));
    ASSERT_EQ(std::count(items.back(), items.back() + 64, '\0'), 64);
  }
  for (char* item : items)
    khelp_uma_zfree(zone, item);
  khelp_uma_zdestroy(zone);
}

}  // namespace
