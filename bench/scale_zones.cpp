/// Zones beside the process's malloc: a pair, and a pair whose halves are on two threads, for items
/// of 64 bytes; what a million of them weigh, and what is left of that after a peak.
///
/// `scale_zones` runs itself again with each malloc that is installed preloaded, and compares with
/// the best. `scale_zones times` prints the times of this process: zone, malloc; pair, crossing.
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include <khelp/uma.h>

#include "scale.hpp"

namespace {

using namespace scale;

constexpr std::size_t item_bytes = 64;

khelp_uma_zone_t zone;

struct zone_items {
  static void* take() { return khelp_uma_zalloc(zone, KHELP_M_NOWAIT); }
  static void give(void* item) { khelp_uma_zfree(zone, item); }
};
struct malloc_items {
  static void* take() { return std::malloc(item_bytes); }
  static void give(void* item) { std::free(item); }
};

// Some out, then the oldest back and a new one out.
template <class Items>
double pair_ns() {
  constexpr int out = 1000;
  constexpr int pairs = 200'000;
  std::vector<void*> live(out);
  for (void*& item : live)
    item = Items::take();
  const double ns = cpu_ns([&] {
    for (int i = 0; i < pairs; ++i) {
      void*& item = live[static_cast<std::size_t>(i % out)];
      Items::give(item);
      item = Items::take();
    }
  });
  for (void* item : live)
    Items::give(item);
  return ns / pairs;
}

// One thread takes, the other gives back: through a ring that is published in batches.
class ring {
 public:
  static constexpr std::uint64_t batch = 64;

  void put(void* item) {
    while (put_ - read_.load(std::memory_order_acquire) >= slots.size())
      std::this_thread::yield();
    slots[put_ % slots.size()] = item;
    if (++put_ % batch == 0)
      written_.store(put_, std::memory_order_release);
  }
  void* get() {
    while (got_ == written_.load(std::memory_order_acquire))
      std::this_thread::yield();
    void* item = slots[got_ % slots.size()];
    if (++got_ % batch == 0)
      read_.store(got_, std::memory_order_release);
    return item;
  }

 private:
  std::vector<void*> slots = std::vector<void*>(4096);
  alignas(64) std::uint64_t put_ = 0;
  alignas(64) std::uint64_t got_ = 0;
  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

template <class Items>
double crossing_ns() {
  constexpr std::uint64_t items = 1'000'000 / ring::batch * ring::batch;
  ring between;
  std::thread other([&] {
    pin(1);
    for (std::uint64_t i = 0; i < items; ++i)
      Items::give(between.get());
  });
  const double ns = wall_ns([&] {
    for (std::uint64_t i = 0; i < items; ++i)
      between.put(Items::take());
    other.join();
  });
  return ns / static_cast<double>(items);
}

struct times {
  double zone_pair;
  double malloc_pair;
  double zone_crossing;
  double malloc_crossing;
};

int print_times() {
  zone = khelp_uma_zcreate("scale", item_bytes, nullptr, nullptr, nullptr, nullptr,
                           KHELP_UMA_ALIGN_PTR, 0);
  must(zone == nullptr, "zone");
  pin(0);
  std::vector<double> samples[4];
  for (int i = 0; i < 15; ++i) {
    samples[0].push_back(pair_ns<zone_items>());
    samples[1].push_back(pair_ns<malloc_items>());
  }
  for (int i = 0; i < 5; ++i) {
    samples[2].push_back(crossing_ns<zone_items>());
    samples[3].push_back(crossing_ns<malloc_items>());
  }
  std::printf("%f %f %f %f\n", median(samples[0]), median(samples[1]), median(samples[2]),
              median(samples[3]));
  return 0;
}

// Of one run of this program with a malloc preloaded; "": the system's.
times times_with(const std::string& self, const std::string& library) {
  const std::string preload = library.empty() ? "" : "LD_PRELOAD=" + library + " ";
  FILE* child = popen((preload + self + " times").c_str(), "r");
  times t{};
  must(child == nullptr || std::fscanf(child, "%lf %lf %lf %lf", &t.zone_pair, &t.malloc_pair,
                                       &t.zone_crossing, &t.malloc_crossing) != 4,
       "times");
  pclose(child);
  return t;
}

std::vector<std::string> installed_mallocs() {
  Dl_info libc{};
  must(dladdr(reinterpret_cast<void*>(&std::puts), &libc) == 0, "libc");
  const std::filesystem::path debian("/usr/lib/x86_64-linux-gnu");
  std::vector<std::string> found{""};
  for (const char* name : {"libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"}) {
    for (const auto& folder : {std::filesystem::path(libc.dli_fname).parent_path(), debian}) {
      if (std::filesystem::exists(folder / name)) {
        found.push_back(folder / name);
        break;
      }
    }
  }
  return found;
}

void beside_mallocs(const std::string& self) {
  std::vector<times> rounds;
  for (int i = 0; i < 5; ++i) {
    times best{};
    for (const std::string& library : installed_mallocs()) {
      const times t = times_with(self, library);
      const auto least = [](double& to, double value) {
        to = to == 0 ? value : std::min(to, value);
      };
      least(best.zone_pair, t.zone_pair);
      least(best.malloc_pair, t.malloc_pair);
      least(best.zone_crossing, t.zone_crossing);
      least(best.malloc_crossing, t.malloc_crossing);
    }
    rounds.push_back(best);
  }
  const auto middle = [&](auto value) {
    std::vector<double> values;
    for (const times& t : rounds)
      values.push_back(value(t));
    return median(values);
  };
  figure("zone pair, 64 B", middle([](const times& t) { return t.zone_pair; }), "", "ns");
  figure("best malloc's pair, 64 B", middle([](const times& t) { return t.malloc_pair; }), "",
         "ns");
  figure("best malloc's pair, of a zone's",
         middle([](const times& t) { return t.malloc_pair / t.zone_pair; }), ">=1.20", "x");
  figure("zone, allocated here, freed there",
         middle([](const times& t) { return t.zone_crossing; }), "", "ns");
  figure("best malloc, allocated here, freed there",
         middle([](const times& t) { return t.malloc_crossing; }), "", "ns");
  figure("zone's crossing, of the best malloc's",
         middle([](const times& t) { return t.zone_crossing / t.malloc_crossing; }), "<=0.40", "x");
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

void memory() {
  constexpr std::size_t items = 1'000'000;
  zone = khelp_uma_zcreate("scale", item_bytes, nullptr, nullptr, nullptr, nullptr,
                           KHELP_UMA_ALIGN_PTR, 0);
  must(zone == nullptr, "zone");
  std::vector<void*> live(items, &zone);
  const double before = resident_bytes();
  for (void*& item : live) {
    item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT);
    std::memset(item, 1, item_bytes);
  }
  const double at_peak = resident_bytes() - before;
  for (void* item : live)
    khelp_uma_zfree(zone, item);
  const double freed = resident_bytes() - before;
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  const double after = resident_bytes() - before;
  const double wanted = static_cast<double>(items * item_bytes);
  figure("a million items of 64 B, resident beyond them", (at_peak / wanted - 1) * 100, "<=5.00",
         "%");
  figure("all freed, resident, of the items", freed / wanted * 100, "", "%");
  figure("after reclaim, resident, of the items", after / wanted * 100, "<=5.00", "%");
  khelp_uma_zdestroy(zone);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "times") == 0)
    return print_times();
  memory();
  beside_mallocs(std::filesystem::read_symlink("/proc/self/exe"));
  return 0;
}
