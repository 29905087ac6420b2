/// Hook lists with types: callables on a list, each taken off by a handle that goes out of scope.
#ifndef KHELP_HOOK_LIST_HPP
#define KHELP_HOOK_LIST_HPP

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

#include <khelp/error.h>
#include <khelp/hook_list.h>
#include <khelp/result.hpp>

namespace khelp {

/// Which hooks of a list a run calls, and how.
struct hook_pass {
  bool newest_first = false;
  /// Take each hook off the list before it is called.
  bool once = false;
  /// Only hooks added with one of these kinds. All bits: every hook, also those of no kind.
  std::uint64_t kinds = ~std::uint64_t{0};
};

/// A hook on a list. It is taken off when the handle goes out of scope: then no other thread is in
/// it, and none will enter. From inside a hook that happens at once, and the callable is destroyed
/// later.
///
/// Lifetime  a handle may outlive its list, and a hook that a run took off: it then does nothing.
class hook_handle {
 public:
  hook_handle() = default;
  hook_handle(khelp_hook_list* list, khelp_hook* hook) noexcept : list_(list), hook_(hook) {}
  hook_handle(hook_handle&& other) noexcept
      : list_(other.list_), hook_(std::exchange(other.hook_, nullptr)) {}
  /// The hook that this handle had is taken off.
  hook_handle& operator=(hook_handle&& other) noexcept {
    hook_handle before(std::move(other));
    std::swap(list_, before.list_);
    std::swap(hook_, before.hook_);
    return *this;
  }
  ~hook_handle() {
    if (hook_ != nullptr)
      khelp_hook_unregister(list_, hook_, 0);
  }

  /// Take it off now. ENOENT: it is off already, or the handle has no hook.
  result<void> remove() {
    khelp_hook* const hook = std::exchange(hook_, nullptr);
    if (hook == nullptr)
      return failure(ENOENT, "hook list: the handle has no hook");
    return outcome_of(khelp_hook_unregister(list_, hook, 0));
  }
  /// Let it run again after it threw. EALREADY: it is not suspended.
  result<void> resume() { return outcome_of(khelp_hook_resume(list_, hook_)); }
  /// Leave it on its list for as long as the list is there.
  void detach() noexcept { hook_ = nullptr; }

 private:
  static result<void> outcome_of(int code) {
    if (code == 0)
      return {};
    return failure(code, khelp_failure_text());
  }

  khelp_hook_list* list_ = nullptr;
  khelp_hook* hook_ = nullptr;
};

/// A list of callables that take `Args`: references, or values that can be moved. Every hook of a run
/// is given the same objects, as lvalues, so a value is not copied for them, and what one hook does to
/// it the next one sees.
///
/// Lifetime  destroying it waits until runs on other threads have left; from inside one of its own
///           hooks it returns at once, and no further hook is called.
template <class... Args>
class hook_list {
  template <class Arg>
  static constexpr bool may_be_passed =
      std::is_reference_v<Arg> || std::is_move_constructible_v<Arg>;
  static_assert((may_be_passed<Args> && ...),
                "a hook list's arguments are references, or values that can be moved; one without "
                "arguments is hook_list<>");

 public:
  /// Throws std::bad_alloc.
  explicit hook_list(const char* name = nullptr) : list_(khelp_hook_alloc(name)) {
    if (list_ == nullptr)
      throw std::bad_alloc();
  }
  hook_list(const hook_list&) = delete;
  hook_list& operator=(const hook_list&) = delete;
  ~hook_list() { khelp_hook_free(list_); }

  /// Add a callable after all others. `kinds`: bits that a run can choose by; 0 is called by runs
  /// that do not choose. ENOMEM.
  template <class Fn>
  requires std::invocable<Fn&, Args&...>
  [[nodiscard]] result<hook_handle> add(Fn fn, std::uint64_t kinds = ~std::uint64_t{0}) {
    std::unique_ptr<box<Fn>> made(new (std::nothrow) box<Fn>{{kinds}, std::move(fn)});
    if (made == nullptr)
      return failure(ENOMEM);
    khelp_hook_x x{};
    x.size = sizeof x;
    x.proc_callback = [](void* args, void* boxed) {
      std::apply(static_cast<box<Fn>*>(static_cast<labelled*>(boxed))->fn,
                 *static_cast<std::tuple<Args&...>*>(args));
    };
    x.arg = static_cast<labelled*>(made.get());
    x.release = [](void* boxed) { delete static_cast<box<Fn>*>(static_cast<labelled*>(boxed)); };
    khelp_hook* const hook = khelp_hook_register_x(list_, &x);
    if (hook == nullptr)
      return failure(ENOMEM);
    made.release();
    return hook_handle(list_, hook);
  }

  /// Call all hooks, oldest first. An exception out of a hook is caught and suspends the hook.
  void operator()(Args... args) { pass_to_hooks({}, args...); }

  /// Call those that `pass` says, as it says.
  void run(hook_pass pass, Args... args) { pass_to_hooks(pass, args...); }

  std::uint32_t size() const noexcept { return khelp_hook_count(list_); }
  bool empty() const noexcept { return size() == 0; }
  khelp_hook_list* get() noexcept { return list_; }

 private:
  struct labelled {
    std::uint64_t kinds;
  };
  template <class Fn>
  struct box : labelled {
    Fn fn;
  };
  void pass_to_hooks(hook_pass pass, Args&... args) {
    std::tuple<Args&...> all(args...);
    const std::uint32_t flags =
        (pass.newest_first ? KHELP_HOOK_REVERSE : 0) | (pass.once ? KHELP_HOOK_UNREGISTER : 0);
    const bool everything = pass.kinds == ~std::uint64_t{0};
    khelp_hook_proc_run(list_, flags, &all, everything ? nullptr : &is_of_kind, &pass.kinds);
  }
  static int is_of_kind(void* boxed, void* kinds) {
    return (static_cast<labelled*>(boxed)->kinds & *static_cast<std::uint64_t*>(kinds)) != 0;
  }

  khelp_hook_list* list_;
};

}  // namespace khelp

#endif
