/// Scale in objects: `scale_objects [N]` gives N objects (10 million) the data of two helpers and
/// takes it from them, in order, at random, and by revoking one of the helpers.
///
/// Memory is the growth of the process's resident size while the objects get their data, their own
/// 32 bytes for the framework included (the pages are touched for the first time then), less what
/// the helpers asked for.
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <sys/mman.h>

#include <khelp/khelp.hpp>

#include "limits/random_objects.hpp"
#include "scale.hpp"

namespace {

struct tick {
  long number;
};

}  // namespace

KHELP_EVENT(tick, number);

namespace {

struct first_state {
  std::uint64_t seen = 0;
  std::uint64_t last = 0;
};
struct second_state {
  std::uint64_t seen = 0;
};

template <class State>
void see(tick&, State& mine) {
  ++mine.seen;
}

template <class State>
constexpr khelp::typed_hook<State> hooks[] = {khelp::hook<see<State>>("scale.objects")};

const khelp_helper_x first_helper =
    khelp::helper<first_state>("scale_first", 1, KHELP_HELPER_CLASS_APP, hooks<first_state>);
const khelp_helper_x second_helper =
    khelp::helper<second_state>("scale_second", 1, KHELP_HELPER_CLASS_APP, hooks<second_state>);

khelp::hook_point<tick> point("scale.objects");

// The objects: nothing but what the framework asks of them.
class object_array {
 public:
  explicit object_array(std::size_t count) : count_(count) {
    void* memory = mmap(nullptr, count * sizeof(khelp_osd), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory == MAP_FAILED, "memory");
    // Small pages, as scattered objects have.
    madvise(memory, count * sizeof(khelp_osd), MADV_NOHUGEPAGE);
    first_ = static_cast<khelp_osd*>(memory);
  }
  object_array(const object_array&) = delete;
  object_array& operator=(const object_array&) = delete;
  ~object_array() { munmap(first_, count_ * sizeof(khelp_osd)); }

  khelp_osd* begin() const { return first_; }
  khelp_osd* end() const { return first_ + count_; }
  std::size_t size() const { return count_; }
  khelp_osd& operator[](std::size_t i) const { return first_[i]; }

 private:
  std::size_t count_;
  khelp_osd* first_;
};

double attach_ns(const object_array& objects) {
  return cpu_ns([&] {
           for (khelp_osd& object : objects)
             must(khelp_init_osd(KHELP_HELPER_CLASS_APP, &object), "attach");
         }) /
         static_cast<double>(objects.size());
}

double destroy_ns(const object_array& objects) {
  return cpu_ns([&] {
           for (khelp_osd& object : objects)
             khelp_destroy_osd(&object);
         }) /
         static_cast<double>(objects.size());
}

// What a program does that has no framework: two blocks of memory for each object.
struct by_hand {
  void* slots[2];
};

struct costs_by_hand {
  double attach;
  double destroy;
};

costs_by_hand blocks_of_malloc(std::size_t count) {
  std::vector<by_hand> objects(count);
  const auto per_object = [count](double all) { return all / static_cast<double>(count); };
  const double attach = per_object(cpu_ns([&] {
    for (by_hand& object : objects) {
      object.slots[0] = std::calloc(1, sizeof(first_state));
      object.slots[1] = std::calloc(1, sizeof(second_state));
    }
  }));
  const double destroy = per_object(cpu_ns([&] {
    for (by_hand& object : objects) {
      std::free(object.slots[0]);
      std::free(object.slots[1]);
    }
  }));
  return {attach, destroy};
}

std::vector<std::uint32_t> no_order(std::size_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  return order;
}

double destroy_at_random_ns(const object_array& objects) {
  const std::vector<std::uint32_t> order = no_order(objects.size());
  return cpu_ns([&] {
           for (const std::uint32_t i : order)
             khelp_destroy_osd(&objects[i]);
         }) /
         static_cast<double>(objects.size());
}

struct costs {
  double attach;
  double destroy;
  double destroy_at_random;
  double framework_bytes;
};

// From memory that nobody has touched before, and given back at the end.
costs measure(std::size_t count) {
  const object_array objects(count);
  costs found{};
  const double before = resident_bytes();
  found.attach = attach_ns(objects);
  found.framework_bytes = (resident_bytes() - before) / static_cast<double>(count) -
                          sizeof(first_state) - sizeof(second_state);
  found.destroy = destroy_ns(objects);
  (void)attach_ns(objects);
  found.destroy_at_random = destroy_at_random_ns(objects);
  khelp_uma_reclaim(KHELP_UMA_RECLAIM_DRAIN_CPU);
  return found;
}

costs median_of(const std::vector<costs>& all) {
  const auto middle = [&](double costs::*member) {
    std::vector<double> values;
    for (const costs& one : all)
      values.push_back(one.*member);
    return median(values);
  };
  return {middle(&costs::attach), middle(&costs::destroy), middle(&costs::destroy_at_random),
          middle(&costs::framework_bytes)};
}

// Returns what a bare destroy at random takes under a lock.
double attaching(std::size_t count) {
  std::vector<costs> small;
  for (int i = 0; i < 5; ++i)
    small.push_back(measure(count / 100));
  const costs few = median_of(small);
  const costs all = measure(count);
  figure("attach an object to 2 helpers", all.attach, "", "ns");
  figure("destroy an object of 2 helpers, in order", all.destroy, "", "ns");
  figure("destroy an object of 2 helpers, at random", all.destroy_at_random, "", "ns");
  const bare_costs bare = bare_objects(no_order(count));
  const costs_by_hand blocks = blocks_of_malloc(count);
  limit_figure("attach: bare stores to fresh memory", bare.attach, "ns");
  figure("attach: two blocks of calloc", blocks.attach, "", "ns", "peer");
  figure("destroy in order: two blocks to free", blocks.destroy, "", "ns", "peer");
  limit_figure("at random: bare accesses", bare.destroy, "ns");
  limit_figure("the same and 60 instructions, 8 of them stores", bare.destroy_laden, "ns");
  limit_figure("the same under a lock", bare.destroy_laden_with_lock, "ns");
  figure("attach, of bare stores", all.attach / bare.attach, "<=1.8", "x");
  figure("attach, of two blocks of calloc", all.attach / blocks.attach, "", "x");
  figure("destroy in order, of two blocks to free", all.destroy / blocks.destroy, "<=2.50", "x");
  figure("destroy at random, of bare accesses", all.destroy_at_random / bare.destroy, "<=1.8", "x");
  figure("destroy at random, of the same under a lock",
         all.destroy_at_random / bare.destroy_laden_with_lock, "", "x");
  figure("attach, of as much with a hundredth of the objects", all.attach / few.attach, "<=1.25",
         "x");
  figure("destroy in order, of as much with a hundredth", all.destroy / few.destroy, "<=1.25", "x");
  figure("framework's memory per object, struct included", all.framework_bytes, "<=48", "B");
  return bare.destroy_laden_with_lock;
}

// What a revoke does to the objects' memory at the least, for as long as `milliseconds`.
void walk(const object_array& objects, std::chrono::milliseconds milliseconds) {
  const auto end = steady::now() + milliseconds;
  for (std::size_t i = 0; steady::now() < end; i = i < objects.size() ? i : 0) {
    for (const std::size_t some = std::min(i + 10'000, objects.size()); i < some; ++i) {
      volatile auto& word = objects[i].osd_classes;
      word = word;
    }
  }
}

// The machine's speed changes for seconds at a time, so the runner's is compared with what it is
// right after, several times.
void revoking(std::size_t count, double locked_destroy_ns) {
  constexpr int rounds = 5;
  constexpr std::chrono::milliseconds while_quiet(300);
  const object_array objects(count);
  std::vector<double> took;
  std::vector<double> kept;
  std::vector<double> kept_beside_walk;
  std::vector<double> kept_of_that;
  khelp::object_slots own;
  must(khelp::to_errno(own.open(KHELP_HELPER_CLASS_APP)), "object");
  for (int i = 0; i < rounds; ++i) {
    (void)attach_ns(objects);
    const std::int32_t id = khelp_get_id("scale_second");
    {
      runner running([&] {
        tick event{};
        for (int n = 0; n < 1000; ++n) {
          asm volatile("" ::: "memory");
          point(event, own);
        }
      });
      // From the beginning of the revoke on, the runner runs the hook of the other helper alone.
      const double during = running.rate([&] {
        took.push_back(
            wall_ns([&] { must(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0), "revoke"); }));
      });
      const double quiet = running.rate([&] { std::this_thread::sleep_for(while_quiet); });
      const double beside = running.rate([&] { walk(objects, while_quiet); });
      kept.push_back(during / quiet);
      kept_beside_walk.push_back(beside / quiet);
      kept_of_that.push_back(during / beside);
    }
    (void)destroy_ns(objects);
    must(khelp_helper_register(&second_helper, nullptr), "helper");
  }
  figure("revoke a helper, objects", static_cast<double>(count) / median(took) * 1000, "",
         "million/s");
  // It takes each object's lock twice, once to empty the slot and once to end the data.
  figure("revoke a helper, of two destroys under a lock",
         median(took) / static_cast<double>(count) / (2 * locked_destroy_ns), "<=2.00", "x");
  figure("runner's throughput during the revoke", median(kept), "", "x");
  limit_figure("the same beside a bare walk over the objects", median(kept_beside_walk), "x");
  figure("runner's throughput during the revoke, of the limit", median(kept_of_that), ">=0.90",
         "x");
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000'000;
  pin(0);
  must(khelp::to_errno(point.open()), "open");
  must(khelp_helper_register(&first_helper, nullptr), "helper");
  must(khelp_helper_register(&second_helper, nullptr), "helper");
  revoking(count, attaching(count));
  return 0;
}
