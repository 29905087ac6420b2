// Instances begin and end; the list of them.
#include <cerrno>
#include <memory>
#include <new>

#include "core/instances/instance.hpp"
#include "core/points/hook_registry.hpp"
#include "sync/publication.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

constexpr std::uint32_t dead_magic = 0xdeadbeef;
// Here an instance's points may be registered, and what is left of them goes.
constexpr function_key points_key{{KHELP_SI_SUB_HHOOK, KHELP_SI_ORDER_FIRST}, 0};

// How often this thread holds the list.
__thread unsigned list_held __attribute__((tls_model("initial-exec"))) = 0;

}  // namespace

vnet_instance::vnet_instance(std::uint64_t serial) noexcept : khelp_vnet{} {
  vnet_magic_n = KHELP_VNET_MAGIC;
  vnet_serial = serial;
  vnet_data = blocks;
}

vnet_instance::~vnet_instance() {
  vnet_magic_n = dead_magic;
  for (void* block : blocks)
    ::operator delete(block, std::align_val_t(KHELP_VNET_ALIGNMENT));
}

instance_registry& the_instances() {
  // In place: it is there also when there is no memory.
  alignas(instance_registry) static std::byte storage[sizeof(instance_registry)];
  static auto* registry = new (storage) instance_registry;
  return *registry;
}

instance_registry::instance_registry() noexcept {
  default_.constructed = behind_all;
  default_.vnet_state = KHELP_SI_SUB_VNET_DONE;
  default_.life = instance_life::lives;
  default_.listed = true;
}

result<void> instance_registry::may_change() noexcept {
  if (inside_section())
    return failure(EDEADLK, "instances cannot change from inside a hook");
  if (list_held != 0)
    return failure(EDEADLK, "this thread holds the list of instances");
  return {};
}

// ---- begin ----

result<khelp_vnet*> instance_registry::create() {
  if (auto may = may_change(); !may)
    return std::move(may).error();
  const turn mine(turn_);
  auto made = std::make_unique<vnet_instance>(0);
  link(*made);
  vnet_instance& v = *made.release();
  // Whatever ends it early, a thread that ends in a constructor included, undoes it.
  try {
    if (auto begun = begin(v); !begun) {
      give_up(v);
      return std::move(begun).error();
    }
  } catch (...) {
    give_up(v);
    throw;
  }
  set_life(v, instance_life::lives);
  set_listed(v, true);
  return &v;
}

result<void> instance_registry::begin(vnet_instance& v) {
  const instance_scope in(&v);
  if (auto done = call_constructors(v, points_key); !done)
    return done;
  v.destroyed = points_key;
  the_hooks().open_instance(v.vnet_serial);
  v.destroyed = behind_all;
  if (auto done = call_constructors(v, behind_all); !done)
    return done;
  v.constructed = behind_all;
  v.vnet_state = KHELP_SI_SUB_VNET_DONE;
  return {};
}

void instance_registry::give_up(vnet_instance& v) noexcept {
  set_life(v, instance_life::ends);
  wind_down(v);
  set_life(v, instance_life::over);
  (void)bury(v);
}

// ---- end ----

result<vnet_instance*> instance_registry::claim(khelp_vnet* which) {
  lock_guard held(mutex_);
  if (which == &default_)
    return failure(EINVAL, "the default instance does not end");
  vnet_instance* v = find(which);
  if (v == nullptr)
    return failure(ENOENT, "there is no such instance");
  if (v->life != instance_life::lives)
    return failure(EALREADY, "the instance begins or ends already");
  if (v->vnet_sockcnt != 0)
    return failure(EBUSY, "the instance still has sockets");
  v->life = instance_life::ends;
  return v;
}

result<void> instance_registry::destroy(khelp_vnet* which) {
  if (auto may = may_change(); !may)
    return may;
  vnet_instance* v = nullptr;
  {
    const turn mine(turn_);
    auto claimed = claim(which);
    if (!claimed)
      return std::move(claimed).error();
    v = *claimed;
    set_listed(*v, false);
    wind_down(*v);
    set_life(*v, instance_life::over);
  }
  if (khelp_vnet_current() == v)
    khelp_vnet_set_current(nullptr);
  // Hooks that run in it on other threads (V-2).
  if (!bury(*v))
    return failure(ENOSYS,
                   "the instance has ended, but membarrier(2) is refused: whether a hook still "
                   "uses it cannot be known, and its memory stays");
  reap();
  return {};
}

void instance_registry::wind_down(vnet_instance& v) noexcept {
  v.vnet_shutdown = 1;
  const instance_scope in(&v);
  call_destructors(v, points_key);
  the_hooks().close_instance(v.vnet_serial);
  call_destructors(v, before_all);
}

bool instance_registry::bury(vnet_instance& v) noexcept {
  // Without a limit: what runs in it has its address, and nobody could tell whether it may be freed.
  run_wait for_ever;
  if (wait_for_runs(nullptr, deep_total, for_ever) != waited::done)
    return false;
  {
    lock_guard held(mutex_);
    unlink(v);
  }
  delete &v;
  return true;
}

// ---- the list ----

vnet_instance* instance_registry::find(const khelp_vnet* which) {
  vnet_instance* v = &default_;
  while (v != nullptr && v != which)
    v = v->next;
  return v;
}

result<std::uint64_t> instance_registry::serial_of(const khelp_vnet* which) {
  lock_guard held(mutex_);
  const vnet_instance* v = find(which);
  if (v == nullptr || v->life == instance_life::over)
    return failure(ENOENT, "there is no such instance");
  return v->vnet_serial;
}

void instance_registry::link(vnet_instance& v) {
  lock_guard held(mutex_);
  for (unsigned number = 0; number < most_blocks; ++number) {
    if (blocks_[number].templates != nullptr)
      v.blocks[number] = copy_of(blocks_[number]);
  }
  v.vnet_serial = ++last_serial_;
  v.before = last_;
  last_->next = &v;
  last_ = &v;
}

void instance_registry::unlink(vnet_instance& v) {
  v.before->next = v.next;
  if (v.next != nullptr)
    v.next->before = v.before;
  else
    last_ = v.before;
}

void instance_registry::set_life(vnet_instance& v, instance_life life) noexcept {
  lock_guard held(mutex_);
  v.life = life;
}

void instance_registry::set_listed(vnet_instance& v, bool listed) noexcept {
  for (;;) {
    const std::uint32_t ticket = list_let_go_.ticket();
    {
      lock_guard held(mutex_);
      if (holders_ == 0) {
        v.listed = listed;
        return;
      }
    }
    list_let_go_.wait(ticket, look_again_ns);
  }
}

// A reader gets the list also while a writer waits for it to be let go: the reader may be a hook, and
// a thread that holds the list may be waiting for that hook.
void instance_registry::hold_list() noexcept {
  lock_guard held(mutex_);
  ++holders_;
  ++list_held;
}

void instance_registry::let_list_go() noexcept {
  {
    lock_guard held(mutex_);
    --list_held;
    if (--holders_ != 0)
      return;
  }
  list_let_go_.notify();
}

khelp_vnet* instance_registry::next_listed(const khelp_vnet* v) noexcept {
  lock_guard held(mutex_);
  vnet_instance* next = v == nullptr ? &default_ : static_cast<const vnet_instance*>(v)->next;
  while (next != nullptr && !next->listed)
    next = next->next;
  return next;
}

// ---- fork ----

void instance_registry::before_fork() noexcept KHELP_NO_TSA {
  turn_.before_fork();
  mutex_.lock();
}

void instance_registry::after_fork_in_parent() noexcept KHELP_NO_TSA {
  mutex_.unlock();
  turn_.after_fork_in_parent();
}

// Instances that other threads were making or ending are nobody's here: they are left alone.
void instance_registry::after_fork_in_child() noexcept KHELP_NO_TSA {
  const bool whole = turn_.after_fork_in_child();
  holders_ = list_held;
  for (vnet_instance* v = default_.next; v != nullptr; v = v->next) {
    if (v->life == instance_life::over || (!whole && v->life != instance_life::lives))
      unlink(*v);
  }
  mutex_.unlock();
}

}  // namespace khelp
