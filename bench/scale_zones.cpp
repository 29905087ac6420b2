/// Zones beside the process's malloc: a pair, and a pair whose halves are on two threads, for items
/// of 64 bytes; what a million of them weigh, and what is left of that after a peak.
///
/// `scale_zones` runs itself again with each malloc that is installed preloaded, and compares with
/// the best. `scale_zones times` prints the times of this process.
#include <array>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <iterator>
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

// Nanoseconds for taking one and giving one back.
constexpr int pairs = 200'000;

template <class Items>
double one_after_the_other() {
  return cpu_ns([] {
           for (int i = 0; i < pairs; ++i) {
             void* item = Items::take();
             asm volatile("" : : "r"(item) : "memory");
             Items::give(item);
           }
         }) /
         pairs;
}

// A hundred, and back in reverse.
template <class Items>
double a_hundred() {
  constexpr int out = 100;
  void* live[out];
  return cpu_ns([&] {
           for (int round = 0; round < pairs / out; ++round) {
             for (void*& item : live)
               item = Items::take();
             for (int i = out - 1; i >= 0; --i)
               Items::give(live[i]);
           }
         }) /
         pairs;
}

// A thousand are out: the oldest back, a new one out.
template <class Items>
double oldest_first() {
  constexpr int out = 1000;
  std::vector<void*> live(out);
  for (void*& item : live)
    item = Items::take();
  const double ns = cpu_ns([&] {
    for (int round = 0; round < pairs / out; ++round) {
      for (void*& item : live) {
        Items::give(item);
        item = Items::take();
      }
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

struct pattern {
  const char* name;
  double (*zone)();
  double (*malloc)();
  const char* limit;  // of the zone's time as part of the malloc's
};
constexpr pattern patterns[] = {
    {"one after the other", one_after_the_other<zone_items>, one_after_the_other<malloc_items>,
     "<=0.83"},
    {"100 and back", a_hundred<zone_items>, a_hundred<malloc_items>, "<=0.83"},
    {"1,000 out, oldest first", oldest_first<zone_items>, oldest_first<malloc_items>, "<=0.83"},
    {"allocated here, freed there", crossing_ns<zone_items>, crossing_ns<malloc_items>, "<=0.40"},
};

// Two lines for each pattern: the zone's time, the malloc's.
int print_times() {
  zone = khelp_uma_zcreate("scale", item_bytes, nullptr, nullptr, nullptr, nullptr,
                           KHELP_UMA_ALIGN_PTR, 0);
  must(zone == nullptr, "zone");
  pin(0);
  for (const pattern& p : patterns) {
    std::vector<double> ours;
    std::vector<double> theirs;
    for (int i = 0; i < 11; ++i) {
      ours.push_back(p.zone());
      theirs.push_back(p.malloc());
    }
    std::printf("%f\n%f\n", median(ours), median(theirs));
  }
  return 0;
}

struct times {
  double zone = 0;
  double malloc = 0;
};
using all_times = std::array<times, std::size(patterns)>;

// Of one run of this program with a malloc preloaded; "": the system's.
all_times times_with(const std::string& self, const std::string& library) {
  const std::string preload = library.empty() ? "" : "LD_PRELOAD=" + library + " ";
  FILE* child = popen((preload + self + " times").c_str(), "r");
  must(child == nullptr, "a child");
  all_times all;
  for (times& t : all)
    must(std::fscanf(child, "%lf %lf", &t.zone, &t.malloc) != 2, "times");
  pclose(child);
  return all;
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

// Of the mallocs the one that is best at each pattern; each beside the zone in its own process.
void beside_mallocs(const std::string& self) {
  std::array<std::vector<double>, std::size(patterns)> ours;
  std::array<std::vector<double>, std::size(patterns)> best;
  std::array<std::vector<double>, std::size(patterns)> ratios;
  for (int round = 0; round < 5; ++round) {
    all_times least{};
    std::array<double, std::size(patterns)> worst{};
    for (const std::string& library : installed_mallocs()) {
      const all_times found = times_with(self, library);
      for (std::size_t i = 0; i < found.size(); ++i) {
        const auto [mine, theirs] = found[i];
        ours[i].push_back(mine);
        if (least[i].malloc == 0 || theirs < least[i].malloc)
          least[i].malloc = theirs;
        worst[i] = std::max(worst[i], mine / theirs);
      }
    }
    for (std::size_t i = 0; i < least.size(); ++i) {
      best[i].push_back(least[i].malloc);
      ratios[i].push_back(worst[i]);
    }
  }
  for (std::size_t i = 0; i < std::size(patterns); ++i) {
    const std::string name = std::string("zone, 64 B, ") + patterns[i].name;
    figure(name.c_str(), median(ours[i]), "", "ns");
    figure((name + ", the best malloc").c_str(), median(best[i]), "", "ns");
    figure((name + ", of the best malloc").c_str(), median(ratios[i]), patterns[i].limit, "x");
  }
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
