/// Scale in threads and in points: what adding, removing, registering and looking up costs, and what
/// runners notice of it.
#include <linux/membarrier.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

#include <khelp/khelp.hpp>
#include <khelp/vnet.h>

#include "scale.hpp"

namespace {

struct tick {
  long number;
};

}  // namespace

KHELP_EVENT(tick, number);

namespace {

constexpr int many = 10000;
constexpr std::int32_t one_type = 100;       // its points: one for each id
constexpr std::int32_t instance_type = 101;  // its point: one for each instance

khelp::hook_point<tick> point("scale.run");
thread_local long sum;

int add(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ++sum;
  return 0;
}

void add_hook(void* argument) {
  khelp_hookinfo hook{};
  hook.hook_func = add;
  hook.hook_udata = argument;
  must(khelp_hhook_add_hook(&point.head(), &hook, KHELP_HHOOK_WAITOK), "add");
}

void remove_hook(void* argument) {
  khelp_hookinfo hook{};
  hook.hook_func = add;
  hook.hook_udata = argument;
  must(khelp_hhook_remove_hook(&point.head(), &hook), "remove");
}

void run_a_chunk() {
  tick event{};
  for (int i = 0; i < 1000; ++i) {
    asm volatile("" ::: "memory");
    point(event);
  }
}

void register_point(std::int32_t type, std::int32_t id, std::uint32_t flags) {
  must(khelp_hhook_head_register(type, id, nullptr, flags), "register");
}

// ---- one removal

// Each removal beside a membarrier of our own. Only those count during which the runner ran: one that
// the machine has put aside costs no interrupt, but may have been put aside inside the hook.
void removal() {
  const runner running(run_a_chunk);
  const auto measured = [&](std::vector<double>& into, auto work) {
    const long before = running.done();
    const double us = wall_ns(work) / 1000;
    if (running.done() != before)
      into.push_back(us);
  };
  syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  std::vector<double> additions;
  std::vector<double> removals;
  std::vector<double> barriers;
  const auto began = steady::now();
  while (barriers.size() < 2000 && steady::now() - began < std::chrono::seconds(5)) {
    measured(additions, [] { add_hook(&sum); });
    measured(removals, [] { remove_hook(&sum); });
    measured(barriers, [] { syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); });
  }
  if (barriers.empty() || removals.empty() || additions.empty())
    return;
  figure("one membarrier, reader running", median(barriers), "", "us");
  figure("add a hook, reader running", median(additions), "", "us");
  figure("add a hook, of a membarrier", median(additions) / median(barriers), "<=1.30", "x");
  figure("remove a hook, reader running", median(removals), "", "us");
  figure("remove a hook, of a membarrier", median(removals) / median(barriers), "<=1.30", "x");
}

// ---- what runners notice

// So many times a second, for a fifth of a second.
template <class Work>
auto at_100_hz(Work work) {
  return [work] {
    for (int i = 0; i < 20; ++i) {
      work();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  };
}

void look_up(std::int32_t type, int count) {
  for (std::int32_t id = 0; id < count; ++id)
    khelp_hhook_head_release(khelp_hhook_head_get(type, id));
}

void runners() {
  constexpr std::chrono::milliseconds nothing(100);
  constexpr int pairs = 9;
  runner running(run_a_chunk);
  figure("runner's throughput, 100 hooks/s added and removed",
         running.keeps(at_100_hz([] {
                         add_hook(&sum);
                         remove_hook(&sum);
                       }),
                       nothing, pairs),
         ">=0.95", "x");
  figure("runner's throughput, 100 points/s registered and deregistered",
         running.keeps(at_100_hz([] {
                         register_point(one_type, many, 0);
                         must(khelp_hhook_head_deregister_lookup(one_type, many), "deregister");
                       }),
                       nothing, pairs),
         ">=0.95", "x");
  figure("runner's throughput, look-ups without pause",
         running.keeps([] { look_up(one_type, many); }, nothing, pairs), ">=0.95", "x");
}

// ---- looking up

double look_up_ns(std::int32_t type, int count) {
  constexpr int rounds = 100;
  std::vector<double> samples;
  for (int i = 0; i < 31; ++i) {
    samples.push_back(cpu_ns([&] {
                        for (int round = 0; round < rounds; ++round)
                          look_up(type, count);
                      }) /
                      (rounds * count));
  }
  return median(samples);
}

// The point of each instance in turn, on a thread that is in it.
double look_up_in_instances_ns(const std::vector<khelp_vnet*>& instances) {
  constexpr int rounds = 100;
  khelp_vnet* const before = khelp_vnet_current();
  std::vector<double> samples;
  for (int i = 0; i < 31; ++i) {
    samples.push_back(cpu_ns([&] {
                        for (int round = 0; round < rounds; ++round) {
                          for (khelp_vnet* vnet : instances) {
                            khelp_vnet_set_current(vnet);
                            look_up(instance_type, 1);
                          }
                        }
                      }) /
                      (rounds * static_cast<double>(instances.size())));
  }
  khelp_vnet_set_current(before);
  return median(samples);
}

khelp_vnet* instance_with_point() {
  khelp_vnet* vnet = khelp_vnet_alloc(nullptr);
  must(vnet == nullptr, "instance");
  khelp_vnet* const before = khelp_vnet_set_current(vnet);
  register_point(instance_type, 0, KHELP_HHOOK_HEADISINVNET);
  khelp_vnet_set_current(before);
  return vnet;
}

void looking_up() {
  constexpr int few = 10;
  std::vector<khelp_vnet*> instances;
  for (int i = 0; i < few; ++i)
    instances.push_back(instance_with_point());
  const double instances_few = look_up_in_instances_ns(instances);
  for (std::int32_t id = 0; id < few; ++id)
    register_point(one_type, id, 0);
  const double points_few = look_up_ns(one_type, few);
  const double registering = cpu_ns([] {
    for (std::int32_t id = few; id < many; ++id)
      register_point(one_type, id, 0);
  });
  const double points_many = look_up_ns(one_type, few);
  for (int i = 0; i < many; ++i)
    (void)instance_with_point();
  const double instances_many = look_up_in_instances_ns(instances);

  figure("look up a point of 10", points_few, "", "ns");
  figure("look up a point of 10,000", points_many, "", "ns");
  figure("look up a point of 10,000, of one of 10", points_many / points_few, "<=1.25", "x");
  figure("look up an instance's point of 10,010, of one of 10", instances_many / instances_few,
         "<=1.25", "x");
  figure("register a point, 10,000 of them", registering / (many - few) / 1000, "", "us");
}

}  // namespace

int main() {
  pin(0);
  must(khelp::to_errno(point.open()), "open");
  add_hook(nullptr);
  removal();
  looking_up();
  runners();
  return 0;
}
