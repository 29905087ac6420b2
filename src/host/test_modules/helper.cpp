// A native helper in many versions. NAME; VERSION; and optionally NEEDS with MINIMUM, PREFERRED and
// MAXIMUM; STEP_PARAM; STATE (data per object); FAIL_INIT (an errno); THROW_INIT; INIT_LOADS (a
// module's name); CALLS (a function that nobody has defined); THREAD_EXIT (a thread_local with a destructor);
// CONSTRUCTOR (of the file, which the dynamic linker runs).

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "loader_test.hpp"

namespace {

#define WORDS KHELP_STRING(NAME)

int step = 1;

struct state {
  int calls = 0;
};

#ifdef THREAD_EXIT
struct goodbye {
  ~goodbye() { loader_test_note(WORDS " thread"); }
};
thread_local goodbye at_exit;
#endif

void run(loader_test::event& e) {
#ifdef THREAD_EXIT
  (void)&at_exit;
#endif
  e.calls += step;
  if (e.inside != nullptr)
    e.inside();
}

#ifdef STATE
void run_with_state(loader_test::event& e, state& s) {
  s.calls++;
  run(e);
}
constexpr khelp::typed_hook<state> hooks[] = {khelp::hook<run_with_state>(loader_test::point)};
#else
constexpr khelp::typed_hook<void> hooks[] = {khelp::hook<run>(loader_test::point)};
#endif

#ifdef STEP_PARAM
constexpr khelp_param params[] = {{"step", "1", "what a call adds"}};

int set_param(const char*, const char* value) {
  if (std::strcmp(value, "throw") == 0)
    throw std::runtime_error("no such step");
  step = std::atoi(value);
  return step > 0 ? 0 : EINVAL;
}
#endif

#ifdef CALLS
extern "C" void CALLS();
#endif

#ifdef CONSTRUCTOR
[[gnu::constructor]] void construct() {
  loader_test_note(WORDS " constructor");
}
#endif

int start() {
#ifdef CALLS
  CALLS();
#endif
  loader_test_note(WORDS " init");
#ifdef THROW_INIT
  throw std::runtime_error("init is no good");
#endif
#ifdef INIT_LOADS
  if (const int error = khelp_load(KHELP_STRING(INIT_LOADS), nullptr, nullptr))
    return error;
#endif
#ifdef FAIL_INIT
  return FAIL_INIT;
#else
  return 0;
#endif
}

int end() {
  loader_test_note(WORDS " destroy");
  return 0;
}

constexpr khelp_helper_x declaration() {
#ifdef STATE
  auto x = khelp::helper<state>(WORDS, VERSION, KHELP_HELPER_CLASS_APP, hooks);
#else
  auto x = khelp::helper<void>(WORDS, VERSION, 0, hooks);
#endif
  x.mod_init = start;
  x.mod_destroy = end;
#ifdef STEP_PARAM
  x.params = params;
  x.nparams = 1;
  x.set_param = set_param;
#endif
  return x;
}

constexpr khelp_helper_x helper = declaration();

}  // namespace

// Once more round, so that NAME and NEEDS are what they stand for.
#define DECLARE_HELPER(...) KHELP_DECLARE_HELPER(__VA_ARGS__)
#define DECLARE_DEPEND(...) KHELP_DECLARE_DEPEND(__VA_ARGS__)

#ifdef STATE
DECLARE_HELPER(NAME, VERSION, helper, KHELP_HELPER_CLASS_APP, sizeof(state));
#else
DECLARE_HELPER(NAME, VERSION, helper, 0, 0);
#endif
#ifdef NEEDS
DECLARE_DEPEND(NAME, NEEDS, MINIMUM, PREFERRED, MAXIMUM);
#endif
