#include "histogram.hpp"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>
#include <random>
#include <vector>

using khelp::ertt::histogram;

namespace {

bool memory_is_out = false;

double exact_median(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  auto n = values.size();
  return (static_cast<double>(values[(n - 1) / 2]) + static_cast<double>(values[n / 2])) / 2;
}

/// The relative error of a histogram of these values.
double error_of(const std::vector<std::int64_t>& values) {
  histogram h;
  for (auto value : values)
    h.add(value);
  EXPECT_EQ(h.count(), values.size());
  double exact = exact_median(values);
  return std::abs(static_cast<double>(h.median()) - exact) / std::max(exact, 1.0);
}

}  // namespace

// The histogram is the only one here that asks for memory without throwing.
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return memory_is_out ? nullptr : std::malloc(size);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void* operator new[](std::size_t size) {
  if (void* memory = std::malloc(size))
    return memory;
  throw std::bad_alloc();
}

TEST(histogram, has_no_median_without_samples) {
  EXPECT_EQ(histogram().median(), 0);
}

TEST(histogram, knows_small_values_exactly) {
  for (std::int64_t value = 0; value < 128; ++value) {
    histogram h;
    h.add(value);
    EXPECT_EQ(h.median(), value);
  }
}

TEST(histogram, keeps_every_magnitude_within_one_percent) {
  for (std::int64_t value = 128; value < INT64_MAX / 9; value = value * 9 / 8)
    EXPECT_LE(error_of({value}), 0.008) << value;
  EXPECT_LE(error_of({INT64_MAX}), 0.008);
}

TEST(histogram, finds_the_median_of_many_values_within_one_percent) {
  std::mt19937_64 random(4);
  std::lognormal_distribution<> wide(16, 2);
  std::uniform_int_distribution<std::int64_t> flat(1'000'000, 90'000'000);
  for (std::size_t n : {2, 3, 10, 101, 5000}) {
    std::vector<std::int64_t> skewed;
    std::vector<std::int64_t> even;
    for (std::size_t i = 0; i < n; ++i) {
      skewed.push_back(static_cast<std::int64_t>(wide(random)));
      even.push_back(flat(random));
    }
    EXPECT_LE(error_of(skewed), 0.008) << n;
    EXPECT_LE(error_of(even), 0.008) << n;
  }
}

TEST(histogram, takes_the_middle_between_the_two_middle_values_of_an_even_number) {
  histogram h;
  h.add(10);
  h.add(10);
  h.add(30);
  h.add(30);
  EXPECT_EQ(h.median(), 20);
}

TEST(histogram, leaves_a_sample_out_when_there_is_no_memory_for_its_bucket) {
  histogram h;
  for (std::int64_t value : {10, 20, 30, 40})
    h.add(value);
  memory_is_out = true;
  h.add(50);  // needs a fifth bucket
  h.add(40);  // has one
  memory_is_out = false;
  EXPECT_EQ(h.count(), 5u);
  EXPECT_EQ(h.median(), 30);
  h.add(50);
  EXPECT_EQ(h.count(), 6u);
}
