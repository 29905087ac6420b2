#include "host/module_instance.hpp"

#include <cerrno>
#include <cstring>

#include <khelp/khelp.h>

#include "base/guarded.hpp"
#include "base/text.hpp"
#include "core/helpers/attachment.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/instances/instance.hpp"
#include "sync/item_call.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

/// A string of the module that ends inside it.
bool is_text(const mapping& code, const char* text, std::string_view expected) {
  return code.contains(text, expected.size() + 1) &&
         std::memcmp(text, expected.data(), expected.size()) == 0 && text[expected.size()] == '\0';
}

template <class T>
bool is_array(const mapping& code, const T* first, std::uint64_t count) {
  return count == 0 || (count <= UINT32_MAX && code.contains(first, count * sizeof(T)));
}

result<void> check_native(const mapping& code, const khelp_helper_x* x,
                          const declared_module& declared) {
  const auto wrong = [&](std::string_view what) {
    return failure(ENOEXEC, concat("helper ", declared.name, ": ", what));
  };
  if (!code.contains(x, sizeof *x))
    return wrong("its record does not lead to its declaration");
  if (x->size < sizeof *x)
    return wrong("its declaration is too short");
  if (!is_text(code, x->name, declared.name) || x->version != declared.version)
    return wrong("its declaration and its record differ in name or version");
  const bool keeps_data = (x->flags & KHELP_HELPER_NEEDS_OSD) != 0;
  if (keeps_data && (x->classes != declared.classes || x->data_size != declared.data_size))
    return wrong("its declaration and its record differ in the data it keeps");
  if (!is_array(code, x->hooks, x->nhooks) || !is_array(code, x->fields, x->nfields) ||
      !is_array(code, x->params, x->nparams))
    return wrong("its hooks, fields or parameters lie outside the file");
  return {};
}

/// The hook table of a FreeBSD helper, before anything of it is called.
result<void> check_modevent(const mapping& code, const khelp_khelp_modevent_data* data,
                            const declared_module& declared) {
  const auto wrong = [&](std::string_view what) {
    return failure(ENOEXEC, concat("module ", declared.name, ": ", what));
  };
  if (!code.contains(data, sizeof *data) || !code.contains(data->helper, sizeof *data->helper))
    return wrong("its helper lies outside the file");
  if (data->nhooks < 0 || !is_array(code, data->hooks, static_cast<std::uint64_t>(data->nhooks)))
    return wrong("its hooks lie outside the file");
  for (int i = 0; i < data->nhooks; i++) {
    if (data->hooks[i].hook_func == nullptr)
      return wrong(concat("hook ", i, " has no function"));
  }
  return {};
}

/// Marks the stretch in which the module becomes another one.
template <class Change>
class during {
 public:
  during(Change& now, Change change) : now_(now) { now_ = change; }
  during(const during&) = delete;
  during& operator=(const during&) = delete;
  ~during() { now_ = Change::none; }

 private:
  Change& now_;
};

/// FreeBSD's answer for a module without a handler: it loads, and stays.
int default_handler(int event) {
  if (event == KHELP_MOD_LOAD)
    return 0;
  return event == KHELP_MOD_UNLOAD ? EBUSY : EOPNOTSUPP;
}

}  // namespace

result<module_instance> module_instance::bind(const mapping& code,
                                              const declared_module& declared) {
  const auto* record = reinterpret_cast<const khelp_modinfo_module*>(code.base() + declared.record);
  module_instance made;
  made.name_ = declared.name;
  made.place_ = {static_cast<std::uint32_t>(declared.subsystem),
                 static_cast<std::uint32_t>(declared.order)};
  made.dead_ = std::make_shared<std::uint32_t>(0);
  made.code_begin_ = code.base();
  made.code_end_ = code.base() + code.size();
  if (declared.personality == KHELP_PERSONALITY_NATIVE) {
    const auto* x = static_cast<const khelp_helper_x*>(record->data);
    if (auto checked = check_native(code, x, declared); !checked)
      return std::move(checked.error());
    made.native_ = x;
    return made;
  }
  const auto* data = static_cast<const khelp_moduledata*>(record->data);
  if (!code.contains(data, sizeof *data))
    return failure(ENOEXEC,
                   concat("module ", declared.name, ": its record does not lead to its data"));
  made.freebsd_ = data;
  if (!made.own_handler()) {
    const auto* helper = static_cast<const khelp_khelp_modevent_data*>(data->priv);
    if (auto checked = check_modevent(code, helper, declared); !checked)
      return std::move(checked.error());
  }
  return made;
}

bool module_instance::own_handler() const {
  return freebsd_ != nullptr && freebsd_->evhand != &khelp_modevent;
}

bool module_instance::has_param(const char* param) const {
  if (native_ == nullptr || native_->set_param == nullptr)
    return false;
  for (std::uint32_t i = 0; i < native_->nparams; i++) {
    if (std::strcmp(native_->params[i].name, param) == 0)
      return true;
  }
  return false;
}

result<void> module_instance::set_param(const char* param, const char* value) {
  auto done = guarded(name_, "set_param", [&] { return native_->set_param(param, value); });
  if (!done)
    return std::move(done.error());
  if (*done != 0)
    return failure(EINVAL,
                   concat(name_, ": ", param, "=", value, " is refused: ", khelp_strerror(*done)));
  return {};
}

/// Tell a FreeBSD module's handler an event.
int module_instance::deliver(int event) {
  if (freebsd_->evhand == nullptr)
    return default_handler(event);
  const instance_scope in(the_instances().first());
  void* handle = const_cast<khelp_moduledata*>(freebsd_);
  return freebsd_->evhand(handle, event, freebsd_->priv);
}

/// What a FreeBSD module answered, as a failure. The words of khelp_modevent() are better than
/// ours.
failure module_instance::refusal(std::string_view event, int answer) const {
  const char* words = own_handler() ? "" : khelp_failure_text();
  if (*words != '\0')
    return failure(answer, words);
  return failure(answer, concat(name_, ": ", event, ": ", khelp_strerror(answer)));
}

/// A module whose MOD_LOAD failed is told MOD_UNLOAD at once, as FreeBSD does, and its own error is
/// the load's (M-3).
result<void> module_instance::start() {
  const during starting(change_, change::starting);
  module_scope scope(code_begin_, code_end_, [dead = dead_] { store_release(*dead, 1U); });
  if (native()) {
    auto code = guarded(name_, "init", [this] { return khelp_helper_register(native_, nullptr); });
    if (!code)
      return std::move(code.error());
    if (*code != 0)
      return failure(*code, khelp_failure_text());
  } else {
    auto loaded = guarded(name_, "MOD_LOAD", [this] { return deliver(KHELP_MOD_LOAD); });
    if (!loaded || *loaded != 0) {
      failure why = loaded ? refusal("MOD_LOAD", *loaded) : std::move(loaded.error());
      (void)guarded(name_, "MOD_UNLOAD", [this] { return deliver(KHELP_MOD_UNLOAD); });
      return why;
    }
  }
  helper_ = scope.helper;
  running_ = true;
  return {};
}

result<void> module_instance::ask() {
  if (!running_)
    return {};
  if (native()) {
    auto asked = the_helpers().quiesce(helper_);
    return !asked && asked.error().code == ENOENT ? result<void>() : asked;
  }
  auto answer = guarded(name_, "MOD_QUIESCE", [this] { return deliver(KHELP_MOD_QUIESCE); });
  if (!answer)
    return std::move(answer.error());
  // Handlers that do not know the question do not object.
  if (*answer == 0 || *answer == EINVAL || *answer == EOPNOTSUPP)
    return {};
  return refusal("MOD_QUIESCE", *answer);
}

void module_instance::resume() {
  if (!running_)
    return;
  if (native())
    (void)the_helpers().resume(helper_);
  else
    (void)guarded(name_, "MOD_RESUME", [this] { return deliver(KHELP_MOD_RESUME); });
}

result<void> module_instance::stop(int how, const deadline& limit) {
  if (change_ != change::none)  // a fork has cut that off: it is not called again
    running_ = false;
  if (!running_)
    return {};
  if (left_behind_ && load_acquire(*dead_) == 0)
    return failure(EAGAIN, concat(name_, ": runs of its hooks, or its data, are in use still"));
  auto stopped = own_handler() ? stop_handler(how, limit) : stop_helper(how, limit);
  running_ = !stopped.has_value();
  stopped_ = !running_;
  return stopped;
}

result<void> module_instance::start_again() {
  if (!stopped_)
    return {};
  dead_ = std::make_shared<std::uint32_t>(0);
  stopped_ = false;
  return start();
}

void module_instance::shut_down() {
  if (!running_ || native())
    return;
  (void)guarded(name_, "MOD_SHUTDOWN", [this] { return deliver(KHELP_MOD_SHUTDOWN); });
}

/// ENOENT counts as done: somebody unregistered the helper by its id.
result<void> module_instance::stop_helper(int how, const deadline& limit) {
  const during unloading(change_, change::unloading);
  auto done = the_helpers().unload({&helper_, 1}, how, limit);
  left_behind_ = !done && how == KHELP_UNLOAD_REVOKE && done.error().code == ETIMEDOUT;
  return !done && done.error().code == ENOENT ? result<void>() : done;
}

/// A handler may do anything: it is asked as its author expects. Only if objects hold its helper,
/// and the caller wants to wait for them or to take the data away, that comes first.
result<void> module_instance::stop_handler(int how, const deadline& limit) {
  const bool force = helper_ != 0 && how != KHELP_UNLOAD_REFUSE;
  if (force || (helper_ != 0 && would_wait_for_itself())) {
    if (auto stopped = stop_helper(how, limit); !stopped)
      return stopped;
  }
  if (would_wait_for_itself())
    return failure(EAGAIN, concat(name_, ": its handler runs when this hook has ended"));
  const during ending(change_, change::ending);
  auto unloaded = guarded(name_, "MOD_UNLOAD", [this] { return deliver(KHELP_MOD_UNLOAD); });
  if (!unloaded)
    return std::move(unloaded.error());
  if (*unloaded != 0)
    return refusal("MOD_UNLOAD", *unloaded);
  return {};
}

bool module_instance::untouched() const {
  if (change_ != change::none && change_ != change::unloading)
    return false;
  return !running_ || helper_ == 0 || the_helpers().is_whole(helper_);
}

void module_instance::forget_cut_off() {
  change_ = change::none;
}

bool module_instance::gone() const {
  return !running_ && (helper_ == 0 || load_acquire(*dead_) != 0);
}

}  // namespace khelp
