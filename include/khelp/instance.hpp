/// Instances in C++: made and ended by scope, with typed variables and functions that run when they
/// begin and end; and functions that run when a file starts.
#ifndef KHELP_INSTANCE_HPP
#define KHELP_INSTANCE_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/result.hpp>
#include <khelp/sysinit.h>
#include <khelp/vnet.h>

namespace khelp {

/// An instance, not owned.
class instance_ref {
 public:
  explicit instance_ref(khelp_vnet* vnet) noexcept : vnet_(vnet) {}
  static instance_ref by_default() noexcept { return instance_ref(khelp_vnet_default()); }

  khelp_vnet* get() const noexcept { return vnet_; }
  std::uint64_t serial() const noexcept { return vnet_->vnet_serial; }
  bool operator==(const instance_ref&) const = default;

 private:
  khelp_vnet* vnet_;
};

/// An instance that ends with its owner. Where it cannot end (inside a hook) it stays; end() tells
/// why.
class instance {
 public:
  /// Errors as khelp_vnet_alloc().
  static result<instance> create() {
    int error = 0;
    khelp_vnet* made = khelp_vnet_alloc(&error);
    if (made == nullptr)
      return failure(error, khelp_failure_text());
    return instance(made);
  }
  instance(instance&& other) noexcept : vnet_(std::exchange(other.vnet_, nullptr)) {}
  instance& operator=(instance&& other) noexcept {
    std::swap(vnet_, other.vnet_);
    return *this;
  }
  ~instance() { (void)end(); }

  /// End it now. Errors as khelp_vnet_destroy(); it is still there then.
  result<void> end() {
    if (vnet_ == nullptr)
      return {};
    if (const int error = khelp_vnet_destroy(vnet_))
      return failure(error, khelp_failure_text());
    vnet_ = nullptr;
    return {};
  }

  khelp_vnet* get() const noexcept { return vnet_; }
  std::uint64_t serial() const noexcept { return vnet_->vnet_serial; }
  operator instance_ref() const noexcept {  // NOLINT(google-explicit-constructor)
    return instance_ref(vnet_);
  }

 private:
  explicit instance(khelp_vnet* vnet) noexcept : vnet_(vnet) {}
  khelp_vnet* vnet_;
};

/// While it lives an instance is current on this thread. Nests.
class in_instance {
 public:
  explicit in_instance(instance_ref which) noexcept
      : before_(khelp_vnet_set_current(which.get())) {}
  in_instance(const in_instance&) = delete;
  in_instance& operator=(const in_instance&) = delete;
  ~in_instance() { khelp_vnet_set_current(before_); }

 private:
  khelp_vnet* before_;
};

/// Call fn(instance_ref) for every instance; none joins or leaves meanwhile.
template <class Fn>
void for_each_instance(Fn fn) {
  struct held {
    held() { khelp_vnet_list_lock(); }
    ~held() { khelp_vnet_list_unlock(); }
  } const list;
  for (khelp_vnet* v = khelp_vnet_next(nullptr); v != nullptr; v = khelp_vnet_next(v))
    fn(instance_ref(v));
}

/// Limit a helper, loaded now or later, to these instances. Errors as khelp_helper_limit().
inline result<void> limit_helper(const char* name, std::initializer_list<instance_ref> instances) {
  std::vector<khelp_vnet*> list;
  for (const instance_ref& each : instances)
    list.push_back(each.get());
  khelp_vnet* const none = nullptr;  // an array of none, which is a limit: NULL is no limit
  if (const int error = khelp_helper_limit(name, list.empty() ? &none : list.data(),
                                           static_cast<std::uint32_t>(list.size())))
    return failure(error, khelp_failure_text());
  return {};
}
/// Let it be in all instances again.
inline result<void> unlimit_helper(const char* name) {
  if (const int error = khelp_helper_limit(name, nullptr, 0))
    return failure(error, khelp_failure_text());
  return {};
}

/// A place among the functions of a file or of instances.
struct start_order {
  std::uint32_t subsystem = KHELP_SI_SUB_HHOOK;
  std::uint32_t order = KHELP_SI_ORDER_ANY;
};

/// A T that exists once per instance: made when an instance begins (at once in those that are there),
/// ended when it ends.
///
/// Lifetime  declare it static, or as a member of what outlives its uses; it does not move. open()
///           before the first use. T's constructor may ask which instance is current.
/// Cost      value(): two loads and an add.
template <class T>
class instance_local {
 public:
  static_assert(alignof(T) <= KHELP_VNET_ALIGNMENT);

  /// Where T's constructor and destructor stand among those of other instance_locals.
  explicit instance_local(start_order where = {}) noexcept
      : start_{where.subsystem, where.order, KHELP_SYSINIT_INSTANCE_START, 0, construct, this},
        end_{where.subsystem, where.order, KHELP_SYSINIT_INSTANCE_END, 0, destroy, this} {}
  instance_local(const instance_local&) = delete;
  instance_local& operator=(const instance_local&) = delete;
  ~instance_local() { close(); }

  /// Errors as khelp_vnet_register_sysinit() and khelp_vnet_variables_add(); nothing is left then.
  result<void> open() {
    int error = khelp_vnet_variables_add(template_, sizeof template_, &place_, 1);
    if (error != 0)
      return failure(error, khelp_failure_text());
    error = khelp_vnet_register_sysuninit(&end_);
    if (error == 0)
      error = khelp_vnet_register_sysinit(&start_);
    open_ = true;
    if (error == 0)
      return {};
    failure why(error, khelp_failure_text());
    close();
    return why;
  }
  /// End every T. Nobody uses them any more.
  void close() noexcept {
    if (!std::exchange(open_, false))
      return;
    (void)khelp_vnet_deregister_sysinit(&start_);
    (void)khelp_vnet_deregister_sysuninit(&end_);
    (void)khelp_vnet_variables_remove(&place_, 1);
  }

  T& value(instance_ref in) const noexcept { return slot(in.get())->value; }
  /// Of the current instance, which there must be.
  T& value() const noexcept { return slot(khelp_vnet_current())->value; }
  T& operator*() const noexcept { return value(); }
  T* operator->() const noexcept { return &value(); }

 private:
  // All zero: there is none.
  struct cell {
    union {
      T value;
      std::byte bytes[sizeof(T)];
    };
    bool made;
    cell() = delete;
    ~cell() = delete;
  };

  cell* slot(khelp_vnet* vnet) const noexcept {
    return static_cast<cell*>(khelp_vnet_value(vnet, &place_));
  }
  static void construct(const void* self) {
    cell* at = static_cast<const instance_local*>(self)->slot(khelp_vnet_current());
    new (&at->value) T();
    at->made = true;
  }
  static void destroy(const void* self) {
    cell* at = static_cast<const instance_local*>(self)->slot(khelp_vnet_current());
    if (std::exchange(at->made, false))
      at->value.~T();
  }

  alignas(KHELP_VNET_ALIGNMENT) std::byte template_[sizeof(cell)] = {};
  khelp_vnet_variable place_{template_, 0, 0};
  const khelp_sysinit start_;
  const khelp_sysinit end_;
  bool open_ = false;
};

namespace detail {
template <auto Function>
void start_thunk(const void*) {
  Function();
}
}  // namespace detail

/// A function for KHELP_ON_START or KHELP_ON_STOP, and its place.
template <auto Function>
constexpr khelp_sysinit on_start(start_order where = {KHELP_SI_SUB_KLD, KHELP_SI_ORDER_ANY}) {
  return {where.subsystem, where.order, KHELP_SYSINIT_CALL, 0, detail::start_thunk<Function>,
          nullptr};
}

/// A function to be called in every instance that begins, or with KHELP_ON_STOP, ends.
template <auto Function>
constexpr khelp_sysinit on_instance_start(start_order where = {}) {
  return {
      where.subsystem, where.order, KHELP_SYSINIT_INSTANCE_START, 0, detail::start_thunk<Function>,
      nullptr};
}
template <auto Function>
constexpr khelp_sysinit on_instance_end(start_order where = {}) {
  return {
      where.subsystem, where.order, KHELP_SYSINIT_INSTANCE_END, 0, detail::start_thunk<Function>,
      nullptr};
}

}  // namespace khelp

#define KHELP_SYSINIT_ELEMENT_(section_, record_)                         \
  static const khelp_sysinit* const KHELP_CONCAT(record_, _in_##section_) \
      __attribute__((section("set_" #section_), used, retain)) = &record_
#define KHELP_ON_START_(record_, ...)                   \
  static constexpr khelp_sysinit record_ = __VA_ARGS__; \
  KHELP_SYSINIT_ELEMENT_(sysinit_set, record_)
#define KHELP_ON_STOP_(record_, ...)                    \
  static constexpr khelp_sysinit record_ = __VA_ARGS__; \
  KHELP_SYSINIT_ELEMENT_(sysuninit_set, record_)
#define KHELP_ON_INSTANCE_(record_, ...)                \
  static constexpr khelp_sysinit record_ = __VA_ARGS__; \
  KHELP_SYSINIT_ELEMENT_(sysinit_set, record_);         \
  KHELP_SYSINIT_ELEMENT_(sysuninit_set, record_)

/// At namespace scope: run a function when this file starts (a module: when it is loaded; a program:
/// in khelp_program_start()), KHELP_ON_START(khelp::on_start<prepare>({KHELP_SI_SUB_KLD, 1}));
#define KHELP_ON_START(...) KHELP_ON_START_(KHELP_CONCAT(khelp_on_start_, __COUNTER__), __VA_ARGS__)
/// When it ends.
#define KHELP_ON_STOP(...) KHELP_ON_STOP_(KHELP_CONCAT(khelp_on_stop_, __COUNTER__), __VA_ARGS__)
/// In every instance, from the file's start to its end: on_instance_start<f>(), on_instance_end<f>().
#define KHELP_ON_INSTANCE(...) \
  KHELP_ON_INSTANCE_(KHELP_CONCAT(khelp_on_instance_, __COUNTER__), __VA_ARGS__)

#endif
