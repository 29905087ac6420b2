#include "limits/random_objects.hpp"

#include <atomic>
#include <sys/mman.h>

#include <khelp/osd.h>

#include "scale.hpp"

namespace {

constexpr std::size_t slab_bytes = 65536;

/// Items behind their owners, which are found by the item's address.
template <std::size_t Size>
struct bare_slab {
  static constexpr std::size_t count = slab_bytes / (Size + 6) - 8;
  std::uint32_t low[count];
  std::uint16_t high[count];
  alignas(8) unsigned char items[count][Size];

  static bare_slab& of(void* item) {
    return *reinterpret_cast<bare_slab*>(reinterpret_cast<std::uintptr_t>(item) & -slab_bytes);
  }
  std::size_t index(void* item) const {
    return static_cast<std::size_t>(static_cast<unsigned char*>(item) - items[0]) / Size;
  }
};
static_assert(sizeof(bare_slab<16>) <= slab_bytes && sizeof(bare_slab<8>) <= slab_bytes);

/// Memory that nobody has touched, in small pages.
class fresh {
 public:
  explicit fresh(std::size_t bytes) : bytes_(bytes + slab_bytes) {
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory_ == MAP_FAILED, "memory");
    madvise(memory_, bytes_, MADV_NOHUGEPAGE);
  }
  fresh(const fresh&) = delete;
  fresh& operator=(const fresh&) = delete;
  ~fresh() { munmap(memory_, bytes_); }

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(memory_) + slab_bytes - 1) &
                                -slab_bytes);
  }

 private:
  std::size_t bytes_;
  void* memory_;
};

/// One helper's data, and the stack of what is free of it.
template <std::size_t Size>
class bare_data {
 public:
  explicit bare_data(std::size_t count)
      : slabs_((count / bare_slab<Size>::count + 1) * slab_bytes), free_(count * sizeof(void*)) {}

  void* give(std::size_t number, const khelp_osd* owner) {
    auto& slab = *reinterpret_cast<bare_slab<Size>*>(slabs_.template as<char>() +
                                                     number / bare_slab<Size>::count * slab_bytes);
    const std::size_t i = number % bare_slab<Size>::count;
    slab.low[i] = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(owner) >> 3);
    slab.high[i] = 1;
    for (unsigned char& byte : slab.items[i])
      byte = 0;
    return slab.items[i];
  }
  void take(void* item) {
    auto& slab = bare_slab<Size>::of(item);
    slab.high[slab.index(item)] = 0;
    *top_++ = item;
  }
  void empty_stack() { top_ = free_.template as<void*>(); }

 private:
  fresh slabs_;
  fresh free_;
  void** top_ = free_.template as<void*>();
};

struct alignas(64) bare_lock {
  std::atomic<std::uint32_t> word{0};
};
bare_lock locks[64];

std::atomic<std::uint32_t>& lock_of(const khelp_osd& object) {
  const auto address = reinterpret_cast<std::uintptr_t>(&object);
  return locks[((address >> 6) ^ (address >> 12)) % std::size(locks)].word;
}

/// What a library's accounting may be, in memory that is at hand: 8 stores, 60 instructions.
[[gnu::always_inline]] inline void carry_load() {
  static std::uint64_t counter;
  asm volatile(
      ".rept 8\n movq $1, %0\n .endr\n"
      ".rept 52\n nop\n .endr"
      : "=m"(counter));
}

class bare_world {
 public:
  explicit bare_world(std::size_t count)
      : objects_(count * sizeof(khelp_osd)), first_(count), second_(count) {}

  [[gnu::noinline]] void attach(std::size_t number) {
    khelp_osd& object = objects_.as<khelp_osd>()[number];
    object.osd_nslots = 2;
    object.osd_state = 1;
    object.osd_slots = object.osd_u.osd_inline;
    object.osd_u.osd_inline[0] = first_.give(number, &object);
    object.osd_u.osd_inline[1] = second_.give(number, &object);
  }
  [[gnu::noinline]] void destroy(std::size_t number) { take(objects_.as<khelp_osd>()[number]); }
  [[gnu::noinline]] void destroy_laden(std::size_t number) {
    take(objects_.as<khelp_osd>()[number]);
    carry_load();
  }
  [[gnu::noinline]] void destroy_laden_with_lock(std::size_t number) {
    khelp_osd& object = objects_.as<khelp_osd>()[number];
    std::uint32_t free = 0;
    lock_of(object).compare_exchange_strong(free, 1, std::memory_order_acquire);
    take(object);
    carry_load();
    lock_of(object).exchange(0, std::memory_order_release);
  }
  void empty_stacks() {
    first_.empty_stack();
    second_.empty_stack();
  }

 private:
  void take(khelp_osd& object) {
    void* const* slots = object.osd_u.osd_inline;
    first_.take(slots[0]);
    second_.take(slots[1]);
    object = khelp_osd{};
  }

  fresh objects_;
  bare_data<16> first_;
  bare_data<8> second_;
};

}  // namespace

bare_costs bare_objects(const std::vector<std::uint32_t>& order) {
  const std::size_t count = order.size();
  bare_world world(count);
  const auto attach_ns = [&] {
    return cpu_ns([&] {
             for (std::size_t i = 0; i < count; ++i)
               world.attach(i);
           }) /
           static_cast<double>(count);
  };
  const auto destroy_ns = [&](auto one) {
    world.empty_stacks();
    return cpu_ns([&] {
             for (const std::uint32_t i : order)
               one(i);
           }) /
           static_cast<double>(count);
  };
  const auto bare = [&](std::uint32_t i) { world.destroy(i); };
  bare_costs found{};
  found.attach = attach_ns();
  // The stacks' memory has its pages before their time counts.
  (void)destroy_ns(bare);
  (void)attach_ns();
  found.destroy = destroy_ns(bare);
  (void)attach_ns();
  found.destroy_laden = destroy_ns([&](std::uint32_t i) { world.destroy_laden(i); });
  (void)attach_ns();
  found.destroy_laden_with_lock =
      destroy_ns([&](std::uint32_t i) { world.destroy_laden_with_lock(i); });
  return found;
}
