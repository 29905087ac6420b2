/// The C++ face: typed hook points, typed helpers, objects and modules that let go of themselves.
///
/// Header-only over the C contract; no C++ symbol crosses the library's boundary. A program exports
/// a point by declaring its event type and a hook_point of it; a helper hooks it with functions
/// that take the event and the helper's own state on the object. The thunk made from such a
/// function *is* the C hook.
#ifndef KHELP_KHELP_HPP
#define KHELP_KHELP_HPP

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <khelp/clock.h>
#include <khelp/duration.hpp>
#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/loader.h>
#include <khelp/module.h>
#include <khelp/osd.h>
#include <khelp/result.hpp>
#include <khelp/sample.h>
#include <khelp/stats.h>

namespace khelp {

/// What the framework knows of an event type: its name and layout. KHELP_EVENT specialises it.
template <class Event>
struct event_traits;

/// An event type's fields.
template <unsigned N>
struct event_table {
  khelp_modinfo_fields table;
  khelp_event_field fields[N];
};

}  // namespace khelp

/// Declare an event type, at global scope: KHELP_EVENT(web::request, path, bytes). The fields (up
/// to 16) make its fingerprint; a module compiled against another layout is refused.
#define KHELP_EVENT(Type, ...)                                                           \
  template <>                                                                            \
  struct khelp::event_traits<Type> {                                                     \
    static constexpr const char* name = #Type;                                           \
    static constexpr std::uint64_t fingerprint = KHELP_FINGERPRINT(Type, __VA_ARGS__);   \
    static constexpr khelp::event_table<KHELP_FP_COUNT(__VA_ARGS__)> fields =            \
        KHELP_EVENT_FIELDS(#Type, Type, __VA_ARGS__);                                    \
  };                                                                                     \
  KHELP_EVENT_RECORD_AS(KHELP_CONCAT(khelp_modinfo_event_at_, __COUNTER__), #Type, Type, \
                        __VA_ARGS__)

namespace khelp {

/// The last refusal on this thread, as a failure. `code` 0 gives success.
inline result<void> outcome(int code) {
  if (code == 0)
    return {};
  return failure(code, khelp_failure_text());
}

// ---- runs
// ---------------------------------------------------------------------------------------------

/// Take a hook off every point of its type and id, or off one point, and wait for runs that are inside
/// it. How many it was on.
///
/// Errors   ENOENT it is nowhere, and no run is inside · ETIMEDOUT no new run calls it; call again
///          before what it uses goes.
inline result<std::uint32_t> remove_hook(const khelp_hookinfo& hook, wait_limit limit = {},
                                         khelp_hhook_head* point = nullptr) {
  khelp_hookinfo which = hook;
  std::uint32_t removed = 0;
  if (auto done = outcome(khelp_hhook_remove_hook_timed(point, &which, limit.ns(), &removed));
      !done)
    return std::move(done).error();
  return removed;
}

/// Wait until every run of a point, or of all (nullptr), that began before has ended. Errors: as
/// khelp_hhook_synchronize_timed().
inline result<void> synchronize(khelp_hhook_head* point = nullptr, wait_limit limit = {}) {
  return outcome(khelp_hhook_synchronize_timed(point, limit.ns()));
}

// ---- points
// -------------------------------------------------------------------------------------------

/// How a point combines the results of its hooks.
enum class combine : std::uint32_t {
  ignore = KHELP_HHOOK_RESULT_IGNORE,
  first = KHELP_HHOOK_RESULT_FIRST,
  strictest = KHELP_HHOOK_RESULT_STRICTEST,
};

/// A hook point that hands `Event`s to its hooks.
///
/// Lifetime declare it static: its address is what makes an idle point cheap. Until open() it is
///          idle. Destroying it deregisters it and waits for runs that are inside; no thread may be
///          about to run it then. One of its own hooks may destroy it: its memory must stay until this
///          thread's outermost run has returned. The program is terminated, with a line on standard error, if
///          somebody still holds a reference from khelp_hhook_head_get().
/// Cost     idle: one load and one branch at a fixed address.
template <class Event>
class hook_point {
 public:
  /// A point named for people and for hooks: the name decides its (type, id). result_when_skipped: what
  /// a hook that was skipped or threw counts for in decide(); 0 fails open.
  constexpr explicit hook_point(const char* name, combine rule = combine::ignore,
                                std::int32_t result_when_skipped = 0) noexcept
      : name_(name), rule_(rule), when_skipped_(result_when_skipped) {}
  /// A point with a given (type, id).
  constexpr hook_point(const char* name, std::int32_t type, std::int32_t id,
                       combine rule = combine::ignore,
                       std::int32_t result_when_skipped = 0) noexcept
      : name_(name),
        rule_(rule),
        when_skipped_(result_when_skipped),
        type_(type),
        id_(id),
        numbered_(true) {}
  hook_point(const hook_point&) = delete;
  hook_point& operator=(const hook_point&) = delete;
  ~hook_point() {
    auto closed = close();
    if (closed || closed.error().code != EBUSY)
      return;
    std::fprintf(stderr, "khelp: hook point '%s' ends while a reference to it is held\n", name_);
    std::terminate();
  }

  /// Register the point. Helpers that wait for it hook it now. Errors as
  /// khelp_hhook_head_register().
  result<void> open() { return open_with(0); }
  /// Register it in the current instance (vnet.h), of which it is one of the points of this name:
  /// there is one object per instance then. EINVAL: there is no current instance.
  result<void> open_in_instance() { return open_with(KHELP_HHOOK_HEADISINVNET); }

  /// Deregister it and wait for runs that are inside: for ever, unless there is a limit.
  ///
  /// Errors   ETIMEDOUT it is deregistered, and a run uses it still: close() again waits for it.
  result<void> close(wait_limit limit = std::chrono::nanoseconds(KHELP_TIMEOUT_NONE)) {
    if (!open_)
      return {};
    auto done = outcome(khelp_hhook_head_deregister_timed(&head_, limit.ns()));
    if (!done && done.error().code == ENOENT && closing_)
      done = {};  // another cold call has seen the end of the run
    closing_ = !done && done.error().code == ETIMEDOUT;
    open_ = !done.has_value();
    return done;
  }

  /// Is anybody listening? Test it before building a costly event.
  bool enabled() const noexcept { return khelp_hhooks_enabled(&head_); }

  /// Run the hooks, if any.
  void operator()(Event& event, khelp_osd* object = nullptr) {
    if (KHELP_UNLIKELY(enabled()))
      khelp_hhook_run_hooks(&head_, &event, object);
  }

  /// Run the hooks and return their combined result; 0 when there are none.
  int decide(Event& event, khelp_osd* object = nullptr) {
    return KHELP_UNLIKELY(enabled()) ? khelp_hhook_run_hooks_result(&head_, &event, object) : 0;
  }

  khelp_hhook_head& head() noexcept { return head_; }

 private:
  result<void> open_with(std::uint32_t kind) {
    if (!numbered_) {
      if (int error = khelp_hhook_name(name_, &type_, &id_))
        return outcome(error);
    }
    khelp_hhook_head_x x{};
    x.size = sizeof x;
    x.flags = static_cast<std::uint32_t>(rule_) | KHELP_HHOOK_WAITOK | kind;
    x.name = name_;
    x.event = event_traits<Event>::name;
    x.fingerprint = event_traits<Event>::fingerprint;
    x.result_when_skipped = when_skipped_;
    if constexpr (requires { event_traits<Event>::fields; })
      x.fields = &event_traits<Event>::fields.table;
    khelp_hhook_head* registered = nullptr;
    auto done = outcome(khelp_hhook_head_register_x(type_, id_, &head_, &registered, &x));
    open_ = open_ || done.has_value();
    return done;
  }

  khelp_hhook_head head_{};
  const char* name_;
  combine rule_;
  std::int32_t when_skipped_;
  std::int32_t type_ = 0;
  std::int32_t id_ = 0;
  bool numbered_ = false;
  bool open_ = false;
  bool closing_ = false;
};

/// Let the hooks of a helper at a point (nullptr: at every point) run again that were suspended, or
/// suspend them. How many were; errors as khelp_hhook_resume() and khelp_hhook_suspend().
inline result<std::uint32_t> resume_hooks(const char* helper, const char* point = nullptr) {
  std::uint32_t changed = 0;
  if (const int error = khelp_hhook_resume(helper, point, &changed))
    return failure(error, khelp_failure_text());
  return changed;
}
inline result<std::uint32_t> suspend_hooks(const char* helper, const char* point = nullptr) {
  std::uint32_t changed = 0;
  if (const int error = khelp_hhook_suspend(helper, point, &changed))
    return failure(error, khelp_failure_text());
  return changed;
}

// ---- objects
// ------------------------------------------------------------------------------------------

/// The slots of an object: embed one in each object that helpers may keep data on.
class object_slots {
 public:
  object_slots() = default;
  object_slots(const object_slots&) = delete;
  object_slots& operator=(const object_slots&) = delete;
  ~object_slots() { close(); }

  /// Attach the data of every helper of these classes. ENOMEM: nothing is attached.
  result<void> open(std::uint32_t classes) { return outcome(khelp_init_osd(classes, &osd_)); }
  void close() noexcept { khelp_destroy_osd(&osd_); }

  khelp_osd* get() noexcept { return &osd_; }
  operator khelp_osd*() noexcept { return &osd_; }  // NOLINT(google-explicit-constructor)

 private:
  khelp_osd osd_ = KHELP_OSD_INITIALIZER;
};

/// While it lives, data read from the object by id stays valid.
class object_section {
 public:
  explicit object_section(khelp_osd* object) noexcept : object_(object) {
    khelp_osd_enter(object_);
  }
  object_section(const object_section&) = delete;
  object_section& operator=(const object_section&) = delete;
  ~object_section() { khelp_osd_leave(object_); }

  /// The data of the helper with this id, or nullptr. `State` must be what that helper documents.
  template <class State>
  State* data(std::int32_t id) const noexcept {
    return static_cast<State*>(khelp_get_osd(object_, id));
  }

 private:
  khelp_osd* object_;
};

/// A live object that holds a helper's data, as for_each_object() tells it. Valid during the call.
class live_object {
 public:
  explicit live_object(const khelp_object& object) noexcept : object_(object) {}

  /// What the host says of it; "": nothing.
  std::string_view name() const noexcept { return object_.name; }
  std::uint32_t classes() const noexcept { return object_.classes; }
  khelp_object_state state() const noexcept {
    return static_cast<khelp_object_state>(object_.state);
  }
  /// The fields that the helper reports, and their values on this object unless they were not read.
  std::span<const khelp_field> fields() const noexcept { return {object_.fields, object_.nfields}; }
  std::span<const khelp_value> values() const noexcept {
    return {object_.values, object_.values == nullptr ? 0u : object_.nfields};
  }
  /// The value of the field of this name, if there is one and it was measured.
  std::optional<std::int64_t> value(std::string_view field) const noexcept {
    for (std::size_t i = 0; i < values().size(); ++i) {
      if (field == fields()[i].name && values()[i].present != 0)
        return values()[i].number;
    }
    return std::nullopt;
  }

 private:
  const khelp_object& object_;
};

/// Call visit(const live_object&) for every object that holds the helper's data; if it returns bool,
/// until it returns false. khelp_helper_objects() says what it costs and who may wait.
template <class Visit>
result<void> for_each_object(std::int32_t helper, Visit visit) {
  const int error = khelp_helper_objects(
      helper,
      [](void* arg, const khelp_object* object) {
        auto& fn = *static_cast<Visit*>(arg);
        if constexpr (std::is_void_v<decltype(fn(live_object(*object)))>) {
          fn(live_object(*object));
          return 0;
        } else {
          return fn(live_object(*object)) ? 0 : 1;
        }
      },
      &visit);
  return outcome(error);
}

// ---- helpers
// ------------------------------------------------------------------------------------------

/// A hook whose function takes this State; only a helper of the same State accepts it.
template <class State>
struct typed_hook {
  khelp_hookinfo_x info;
};

/// Where a hook stands among the others at its point.
struct order {
  std::int32_t priority = 0;     ///< smaller runs earlier
  const char* before = nullptr;  ///< helpers that must run later: "a,b"
  const char* after = nullptr;   ///< helpers that must run earlier
};

namespace detail {

template <class Function>
inline constexpr bool is_hook = false;

/// What a hook is given: its event, its helper's state (void: none), and whether the object's slots.
template <class Result, class Event, class State, bool WithSlots>
struct hook_shape {
  static_assert(std::is_void_v<Result> || std::is_convertible_v<Result, int>,
                "a hook returns nothing, a bool or an int");
  using event = Event;
  using state = State;

  template <auto Function>
  static int thunk(std::int32_t, std::int32_t, void*, void* ctx, void* hdata, khelp_osd* hosd) {
    const auto call = [&]() -> Result {
      Event& given = *static_cast<Event*>(ctx);
      if constexpr (std::is_void_v<State>)
        return Function(given);
      else if constexpr (WithSlots)
        return Function(given, *static_cast<State*>(hdata), hosd);
      else
        return Function(given, *static_cast<State*>(hdata));
    };
    if constexpr (std::is_void_v<Result>) {
      call();
      return 0;
    } else {
      return static_cast<int>(call());
    }
  }
};

template <class Arguments>
struct hook_arguments {
  static_assert(is_hook<Arguments>,
                "a hook is a function, or a lambda without captures and without auto, that takes "
                "(Event&), (Event&, State&) or (Event&, State&, khelp_osd*)");
};
template <class Result, class Event>
struct hook_arguments<Result(Event&)> : hook_shape<Result, Event, void, false> {};
template <class Result, class Event, class State>
struct hook_arguments<Result(Event&, State&)> : hook_shape<Result, Event, State, false> {};
template <class Result, class Event, class State>
struct hook_arguments<Result(Event&, State&, khelp_osd*)> : hook_shape<Result, Event, State, true> {
};

/// A function, or a lambda by its operator.
template <class Function>
struct hook_signature : hook_arguments<Function> {};
template <class Function>
requires requires {
  &Function::operator();
}
struct hook_signature<Function> : hook_signature<decltype(&Function::operator())> {};
template <class Result, class... Arguments>
struct hook_signature<Result (*)(Arguments...)> : hook_arguments<Result(Arguments...)> {};
template <class Result, class... Arguments>
struct hook_signature<Result (*)(Arguments...) noexcept> : hook_arguments<Result(Arguments...)> {};
template <class Result, class Lambda, class... Arguments>
struct hook_signature<Result (Lambda::*)(Arguments...) const>
    : hook_arguments<Result(Arguments...)> {};
template <class Result, class Lambda, class... Arguments>
struct hook_signature<Result (Lambda::*)(Arguments...) const noexcept>
    : hook_arguments<Result(Arguments...)> {};

template <auto Function>
constexpr auto make_hook(const char* point, std::int32_t type, std::int32_t id, order where) {
  using signature = hook_signature<decltype(Function)>;
  using event = std::remove_const_t<typename signature::event>;
  typed_hook<std::remove_const_t<typename signature::state>> made{};
  made.info.size = sizeof(khelp_hookinfo_x);
  made.info.priority = where.priority;
  made.info.before = where.before;
  made.info.after = where.after;
  made.info.point = point;
  made.info.event = event_traits<event>::name;
  made.info.fingerprint = event_traits<event>::fingerprint;
  made.info.hook.hook_func = &signature::template thunk<Function>;
  made.info.hook.hook_type = type;
  made.info.hook.hook_id = id;
  return made;
}

template <class State>
int construct(void* data, void*, int) {
  new (data) State();
  return 0;
}

// Whether State() is nothing but zero bytes, which the framework's memory is already. A constructor
// that needs no call lets khelp_init_osd() take its short way.
template <class State>
constexpr bool is_all_zero() {
  for (const unsigned char byte :
       std::bit_cast<std::array<unsigned char, sizeof(State)>>(State())) {
    if (byte != 0)
      return false;
  }
  return true;
}
template <class State>
inline constexpr bool starts_as_zeros = false;
// Not known of states with padding or pointers, whose bytes are no constant expression.
template <class State>
requires(std::is_trivially_copyable_v<State>) && requires {
  typename std::bool_constant<is_all_zero<State>()>;
}
inline constexpr bool starts_as_zeros<State> = is_all_zero<State>();

template <class State>
void destroy(void* data, void*) noexcept {
  static_cast<State*>(data)->~State();
}

// Of a helper's data; void: it keeps none.
template <class State>
inline constexpr std::size_t size_of = sizeof(State);
template <>
inline constexpr std::size_t size_of<void> = 0;

}  // namespace detail

/// A hook for the point of this name.
///
/// Shape    `Function`: a function, noexcept or not, or a lambda without captures. It takes (Event&),
///          (Event&, State&), or (Event&, State&, khelp_osd*) if it reports samples or reads other
///          helpers' data of the same object; Event and State may be const. It returns nothing, an int,
///          or a bool (true is 1), which a point that combines results takes as its verdict.
template <auto Function>
constexpr auto hook(const char* point, order where = {}) {
  return detail::make_hook<Function>(point, 0, 0, where);
}
/// A hook for the point (type, id).
template <auto Function>
constexpr auto hook(std::int32_t type, std::int32_t id, order where = {}) {
  return detail::make_hook<Function>(nullptr, type, id, where);
}

/// A helper that keeps a State, made and ended by the framework, on each object of its classes.
/// Objects older than the helper get theirs at its first hook call. Keep the returned struct and
/// `hooks` static.
template <class State, std::size_t N>
constexpr khelp_helper_x helper(const char* name, std::uint32_t version, std::uint32_t classes,
                                const typed_hook<State> (&hooks)[N]) {
  static_assert(sizeof(typed_hook<State>) == sizeof(khelp_hookinfo_x));
  khelp_helper_x x{};
  x.size = sizeof x;
  x.version = version;
  x.name = name;
  x.hooks = &hooks[0].info;
  x.nhooks = N;
  if constexpr (!std::is_void_v<State>) {
    x.classes = classes;
    x.flags = KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT;
    x.data_size = sizeof(State);
    x.data_align = alignof(State);
    if constexpr (!detail::starts_as_zeros<State>)
      x.data_init = &detail::construct<State>;
    if constexpr (!std::is_trivially_destructible_v<State>)
      x.data_fini = &detail::destroy<State>;
  }
  return x;
}

/// A loaded helper of this program: unloads (revoking its data from live objects) when it goes out
/// of scope.
class loaded_helper {
 public:
  static result<loaded_helper> load(const khelp_helper_x& declaration) {
    std::int32_t id = 0;
    if (int error = khelp_helper_register(&declaration, &id))
      return failure(error, khelp_failure_text());
    return loaded_helper(id);
  }
  loaded_helper(loaded_helper&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
  /// What this one had is unloaded.
  loaded_helper& operator=(loaded_helper&& other) noexcept {
    loaded_helper before(std::move(other));
    std::swap(id_, before.id_);
    return *this;
  }
  ~loaded_helper() {
    if (id_ != 0)
      khelp_helper_unregister(id_, KHELP_UNLOAD_REVOKE, 0);
  }

  std::int32_t id() const noexcept { return id_; }
  /// Unload now. EBUSY: objects hold its data.
  result<void> unload(int how = KHELP_UNLOAD_REFUSE, wait_limit timeout = {}) {
    auto done = outcome(khelp_helper_unregister(id_, how, timeout.ns()));
    if (done)
      id_ = 0;
    return done;
  }

 private:
  explicit loaded_helper(std::int32_t id) noexcept : id_(id) {}
  std::int32_t id_;
};

/// A loaded module file: unloads (revoking) when it goes out of scope.
class loaded_module {
 public:
  using parameters = std::vector<std::pair<std::string, std::string>>;

  static result<loaded_module> load(const std::string& name, const parameters& given = {},
                                    const std::string& module_path = {}, bool debug = false) {
    std::vector<khelp_load_param> params;
    for (const auto& [param, value] : given)
      params.push_back({param.c_str(), value.c_str()});
    khelp_load_options options{};
    options.size = sizeof options;
    options.flags = debug ? KHELP_LOAD_DEBUG : 0;
    options.module_path = module_path.empty() ? nullptr : module_path.c_str();
    options.params = params.data();
    options.nparams = static_cast<std::uint32_t>(params.size());
    std::int32_t id = 0;
    if (int error = khelp_load(name.c_str(), &options, &id))
      return failure(error, khelp_failure_text());
    return loaded_module(id);
  }
  loaded_module(loaded_module&& other) noexcept : id_(std::exchange(other.id_, 0)) {}
  /// What this one had is unloaded.
  loaded_module& operator=(loaded_module&& other) noexcept {
    loaded_module before(std::move(other));
    std::swap(id_, before.id_);
    return *this;
  }
  ~loaded_module() {
    if (id_ != 0)
      khelp_unload(id_, KHELP_UNLOAD_REVOKE, 0);
  }

  std::int32_t id() const noexcept { return id_; }
  result<void> unload(int how = KHELP_UNLOAD_REFUSE, wait_limit timeout = {}) {
    auto done = outcome(khelp_unload(id_, how, timeout.ns()));
    if (done)
      id_ = 0;
    return done;
  }

 private:
  explicit loaded_module(std::int32_t id) noexcept : id_(id) {}
  std::int32_t id_;
};

}  // namespace khelp

namespace khelp::detail {

/// What the module's file says of a helper before anything of it runs.
constexpr khelp_modinfo_module module_record(const khelp_helper_x& helper) {
  khelp_modinfo_module record{};
  record.header = KHELP_MODINFO_HEADER(KHELP_MODINFO_MODULE, khelp_modinfo_module);
  const std::string_view name = helper.name;
  if (name.size() >= KHELP_HELPER_NAME_MAXLEN)
    throw "a helper's name has at most 15 characters";
  for (std::size_t i = 0; i < name.size(); ++i)
    record.name[i] = name[i];
  record.personality = KHELP_PERSONALITY_NATIVE;
  record.version = helper.version;
  record.classes = helper.classes;
  record.data_size = helper.data_size;
  record.data = &helper;
  return record;
}

}  // namespace khelp::detail

/// Make a native helper module of a helper, at global scope: KHELP_MODULE(helper), where `helper` is a
/// constexpr khelp_helper_x with static storage. The module's name, version, classes and the size of
/// its data are the helper's.
///
/// KHELP_MODULE(name, version, helper, classes, State) is for a helper that is const but not
/// constexpr, and says these once more; the loader refuses the module where they differ.
#define KHELP_MODULE(...) \
  KHELP_MODULE_OF_5_(__VA_ARGS__, KHELP_MODULE_AGAIN_, 4, 3, 2, KHELP_MODULE_ONCE_, 0)(__VA_ARGS__)
#define KHELP_MODULE_OF_5_(a1, a2, a3, a4, a5, chosen, ...) chosen
#define KHELP_MODULE_ONCE_(helper_)                                                         \
  static constinit khelp_modinfo_module KHELP_CONCAT(khelp_modinfo_module_at_, __COUNTER__) \
      KHELP_MODINFO_ATTRIBUTE = khelp::detail::module_record(helper_)
#define KHELP_MODULE_AGAIN_(name_, version_, helper_, classes_, State) \
  KHELP_DECLARE_HELPER(name_, version_, helper_, classes_, khelp::detail::size_of<State>)

#endif
