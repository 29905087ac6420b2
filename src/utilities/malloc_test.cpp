#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <khelp/log.h>
#include <khelp/malloc.h>
#include <khelp/malloc.hpp>

namespace {

khelp_malloc_stat stat_of(const std::string& name) {
  struct wanted {
    const std::string& name;
    khelp_malloc_stat found{};
  } w{name};
  EXPECT_EQ(khelp_malloc_stats(
                [](void* arg, const khelp_malloc_stat* stat) {
                  auto& to = *static_cast<wanted*>(arg);
                  if (stat->name == to.name)
                    to.found = *stat;
                },
                &w),
            0);
  return w.found;
}

// A type that ends with its test.
struct type_of_a_test {
  explicit type_of_a_test(const char* name)
      : type KHELP_MALLOC_TYPE_INITIALIZER(name, "of a test") {}
  ~type_of_a_test() { khelp_malloc_type_end(&type); }
  khelp_malloc_type* operator&() { return &type; }  // NOLINT(google-runtime-operator)
  khelp_malloc_type type;
};

// What was logged while it lives.
struct log_catcher {
  log_catcher() {
    khelp_log_set_sink(
        [](void* arg, int, const char* words) {
          static_cast<log_catcher*>(arg)->lines.emplace_back(words);
        },
        this);
  }
  ~log_catcher() { khelp_log_set_sink(nullptr, nullptr); }
  std::vector<std::string> lines;
};

constexpr int no_wait = KHELP_M_NOWAIT;
constexpr std::size_t impossible = SIZE_MAX / 2;

}  // namespace

TEST(malloc, conformance_46_accounting_per_type_returns_to_zero) {
  type_of_a_test a("a");
  type_of_a_test b("b");
  std::vector<void*> blocks;
  for (int i = 0; i < 10; ++i)
    blocks.push_back(khelp_malloc(100, &a, KHELP_M_WAITOK));
  void* other = khelp_malloc(7, &b, KHELP_M_WAITOK);
  EXPECT_EQ(stat_of("a").in_use, 10u);
  EXPECT_EQ(stat_of("a").bytes, 1000u);
  EXPECT_EQ(stat_of("b").bytes, 7u);
  for (void* block : blocks)
    khelp_free(block, &a);
  khelp_free(other, &b);
  const auto after = stat_of("a");
  EXPECT_EQ(after.in_use, 0u);
  EXPECT_EQ(after.bytes, 0u);
  EXPECT_EQ(after.high_water, 1000u) << "one thread: exact";
  EXPECT_EQ(after.requests, 10u);
  EXPECT_EQ(after.frees, 10u);
  EXPECT_EQ(after.sizes, 1u << 7) << "up to 128 bytes";
}

TEST(malloc, blocks_are_aligned_and_the_callers) {
  type_of_a_test t("aligned");
  for (std::size_t size : {0ul, 1ul, 15ul, 16ul, 1000ul, 100000ul}) {
    auto* block = static_cast<char*>(khelp_malloc(size, &t, no_wait));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0u);
    EXPECT_EQ(khelp_malloc_usable_size(block), size);
    std::memset(block, 0xa5, size);
    khelp_free(block, &t);
  }
}

TEST(malloc, conformance_46_m_zero_gives_zeroes) {
  type_of_a_test t("zeroed");
  for (int round = 0; round < 3; ++round) {
    auto* block = static_cast<unsigned char*>(khelp_malloc(300, &t, KHELP_M_ZERO));
    for (int i = 0; i < 300; ++i)
      ASSERT_EQ(block[i], 0);
    std::memset(block, 0xff, 300);
    khelp_free(block, &t);
  }
}

TEST(malloc, what_cannot_be_had_is_counted_and_nothing_is_out) {
  type_of_a_test t("impossible");
  EXPECT_EQ(khelp_malloc(impossible * 2, &t, no_wait), nullptr);
  EXPECT_EQ(khelp_malloc(SIZE_MAX, &t, KHELP_M_WAITOK | KHELP_M_NULL), nullptr);
  EXPECT_EQ(khelp_mallocarray(SIZE_MAX / 4, 8, &t, no_wait), nullptr);
  const auto stat = stat_of("impossible");
  EXPECT_EQ(stat.failures, 3u);
  EXPECT_EQ(stat.requests, 3u);
  EXPECT_EQ(stat.in_use, 0u);
}

TEST(malloc, a_wait_for_memory_that_is_not_to_be_had_ends_the_process_in_words) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto ask = [] {
    khelp_malloc_type t KHELP_MALLOC_TYPE_INITIALIZER("hungry", "");
    khelp_malloc(SIZE_MAX, &t, KHELP_M_WAITOK);
  };
  EXPECT_DEATH(ask(), "malloc: no memory for 18446744073709551615 bytes of type hungry");
}

TEST(malloc, freeing_nothing_does_nothing) {
  type_of_a_test t("nothing");
  khelp_free(nullptr, &t);
  khelp_zfree(nullptr, &t);
  EXPECT_EQ(khelp_malloc_usable_size(nullptr), 0u);
  EXPECT_EQ(stat_of("nothing").frees, 0u);
}

TEST(malloc, D_1_a_free_under_another_type_is_reported_and_accounted_to_the_blocks_own) {
  type_of_a_test right("right");
  type_of_a_test wrong("wrong");
  khelp_free(khelp_malloc(1, &wrong, 0), &wrong);
  log_catcher log;
  khelp_malloc_set_debug(1);
  khelp_free(khelp_malloc(24, &right, 0), &wrong);
  EXPECT_EQ(log.lines,
            std::vector<std::string>{"malloc: a block of 24 bytes of type right is given "
                                     "back as one of wrong"});
  khelp_malloc_set_debug(0);
  khelp_free(khelp_malloc(24, &right, 0), &wrong);
  EXPECT_EQ(log.lines.size(), 1u);
  EXPECT_EQ(stat_of("right").mismatches, 2u);
  EXPECT_EQ(stat_of("right").in_use, 0u);
  EXPECT_EQ(stat_of("right").bytes, 0u);
  EXPECT_EQ(stat_of("wrong").frees, 1u);
}

TEST(malloc, realloc_keeps_what_was_there_and_counts_the_new_size) {
  type_of_a_test t("moved");
  auto* block = static_cast<char*>(khelp_realloc(nullptr, 10, &t, 0));
  std::strcpy(block, "nine chr.");
  block = static_cast<char*>(khelp_realloc(block, 5000, &t, KHELP_M_ZERO));
  EXPECT_STREQ(block, "nine chr.");
  EXPECT_EQ(block[4999], 0);
  EXPECT_EQ(stat_of("moved").bytes, 5000u);
  EXPECT_EQ(stat_of("moved").in_use, 1u);
  EXPECT_EQ(khelp_realloc(block, SIZE_MAX, &t, no_wait), nullptr);
  EXPECT_STREQ(block, "nine chr.") << "a failure leaves it";
  EXPECT_EQ(khelp_reallocf(block, SIZE_MAX, &t, no_wait), nullptr);
  EXPECT_EQ(stat_of("moved").in_use, 0u) << "this one frees it";
}

TEST(malloc, threads_add_up_and_the_high_water_is_never_below_the_truth) {
  type_of_a_test t("crowd");
  constexpr int threads = 4;
  constexpr std::size_t each = 100'000;
  std::latch all_have(threads);
  std::vector<void*> handed_over(threads);
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        for (int n = 0; n < 1000; ++n)
          khelp_free(khelp_malloc(50, &t, 0), &t);
        handed_over[static_cast<std::size_t>(i)] = khelp_malloc(each, &t, 0);
        all_have.arrive_and_wait();
      });
    }
  }
  EXPECT_EQ(stat_of("crowd").in_use, 4u);
  EXPECT_EQ(stat_of("crowd").bytes, threads * each);
  for (void* block : handed_over)
    khelp_free(block, &t);
  const auto stat = stat_of("crowd");
  EXPECT_EQ(stat.in_use, 0u) << "freed by another thread";
  EXPECT_EQ(stat.bytes, 0u);
  EXPECT_EQ(stat.requests, threads * 1001u);
  EXPECT_GE(stat.high_water, threads * each);
  const std::uint64_t slack = threads * each / 64 + 512;
  EXPECT_LE(stat.high_water, threads * each + (threads + 1) * slack);
}

TEST(malloc, a_type_that_ends_with_blocks_out_is_reported_and_they_can_still_be_freed) {
  log_catcher log;
  void* block = nullptr;
  {
    type_of_a_test t("leaky");
    block = khelp_malloc(33, &t, 0);
  }
  EXPECT_EQ(log.lines,
            std::vector<std::string>{"malloc: type leaky ends with 1 blocks out, 33 bytes"});
  EXPECT_EQ(stat_of("leaky (ended)").bytes, 33u);
  khelp_free(block, nullptr);
  EXPECT_EQ(stat_of("leaky (ended)").bytes, 0u);
}

TEST(malloc, darwins_numbers_have_names) {
  EXPECT_STREQ(khelp_malloc_numbered(80)->khm_name, "temp");
  EXPECT_STREQ(khelp_malloc_numbered(100)->khm_name, "kauth");
  EXPECT_STREQ(khelp_malloc_numbered(7)->khm_name, "type 7");
  EXPECT_EQ(khelp_malloc_numbered(-1), khelp_malloc_numbered(128));
  EXPECT_NE(khelp_malloc_numbered(4), khelp_malloc_numbered(5));
}

TEST(malloc, a_type_without_a_name_is_shown_as_unnamed) {
  const std::uint64_t before = stat_of("unnamed").requests;
  khelp_malloc_type nameless{};
  type_of_a_test named("named");
  void* block = khelp_malloc(10, &nameless, no_wait);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(stat_of("unnamed").requests, before + 1);
  log_catcher log;
  khelp_malloc_set_debug(1);
  khelp_free(khelp_malloc(24, &named, 0), &nameless);
  khelp_malloc_set_debug(0);
  EXPECT_EQ(log.lines,
            std::vector<std::string>{"malloc: a block of 24 bytes of type named is given "
                                     "back as one of unnamed"});
  khelp_free(block, &nameless);
  khelp_malloc_type_end(&nameless);
}

namespace {

struct left {
  virtual ~left() = default;
  long l = 1;
};
struct right {
  virtual ~right() = default;
  long r = 2;
};
struct both : left, right {};
struct plain {
  long p = 3;
};
struct from_plain : plain {
  ~from_plain() {}
};
struct own_new {
  static void* operator new(std::size_t) = delete;
};

template <class To, class From>
constexpr bool converts =
    std::is_convertible_v<khelp::typed_memory::pointer<From>, khelp::typed_memory::pointer<To>>;
static_assert(converts<right, both> && converts<const right, both> && converts<const int, int>);
static_assert(!converts<plain, from_plain> && !converts<both, right> && !converts<int, const int>);

}  // namespace

TEST(malloc, an_object_is_freed_where_it_begins_also_as_its_second_base) {
  khelp::typed_memory memory("bases");
  {
    khelp::typed_memory::pointer<right> as_right = memory.make<both>();
    EXPECT_EQ(as_right->r, 2);
    as_right = memory.make<both>();
  }
  EXPECT_EQ(memory.stat().in_use, 0u);
  EXPECT_EQ(memory.stat().frees, 2u);
}

TEST(malloc, typed_memory_makes_constants_and_what_has_an_operator_new_of_its_own) {
  khelp::typed_memory memory("any");
  {
    const auto three = memory.make<const int>(3);
    EXPECT_EQ(*three, 3);
    const khelp::typed_memory::pointer<const int> four = memory.make<int>(4);
    EXPECT_EQ(*four, 4);
    const auto own = memory.make<own_new>();
    EXPECT_EQ(memory.stat().in_use, 3u);
  }
  EXPECT_EQ(memory.stat().in_use, 0u);
}

TEST(malloc, cpp_typed_memory_makes_objects_and_feeds_containers) {
  khelp::typed_memory memory("cpp", "a test's");
  {
    auto text = memory.make<std::string>(3, 'x');
    EXPECT_EQ(*text, "xxx");
    std::vector<int, khelp::typed_allocator<int>> numbers(100, 7, memory.allocator<int>());
    EXPECT_EQ(memory.stat().in_use, 2u);
    EXPECT_GE(memory.stat().bytes, 400 + sizeof(std::string));
    auto moved = std::move(numbers);
    EXPECT_EQ(moved[99], 7);
  }
  EXPECT_EQ(memory.stat().in_use, 0u);
  EXPECT_THROW((void)memory.allocate(SIZE_MAX), std::bad_alloc);
  struct throws {
    throws() { throw 1; }
  };
  EXPECT_THROW((void)memory.make<throws>(), int);
  EXPECT_EQ(memory.stat().in_use, 0u);
}
