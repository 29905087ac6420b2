// A native helper that leaves something of it behind: LEAVES is the name of one of the functions
// below.

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <thread>
#include <threads.h>
#include <unistd.h>

#include <khelp/hook_list.h>
#include <khelp/osd.h>
#include <khelp/sflt.h>
#include <khelp/sysinit.h>
#include <khelp/uma.h>
#include <khelp/vnet.h>

#include "loader_test.hpp"

namespace {

#define WORDS KHELP_STRING(LEAVES)

#ifdef LEAVES_KEY
pthread_key_t the_key;
int key() {
  return pthread_key_create(&the_key, [](void*) { loader_test_note(WORDS " called"); });
}
void touch() {
  pthread_setspecific(the_key, &the_key);
}
#elif !defined(LEAVES_STATIC_OBJECTS)
void touch() {}
#endif

#ifdef LEAVES_HANDLER
int handler() {
  return std::signal(SIGUSR2, [](int) { loader_test_note(WORDS " called"); }) == SIG_ERR ? 1 : 0;
}
#endif

#ifdef LEAVES_EXIT_FUNCTION
int exit_function() {
  return on_exit([](int, void*) { loader_test_note(WORDS " called"); }, nullptr);
}
#endif

#ifdef LEAVES_AT_EXIT
int at_exit() {
  return std::atexit([] { loader_test_note(WORDS " called"); });
}
#endif

#ifdef LEAVES_NAME
char words[] = WORDS;
int name() {
  program_invocation_short_name = words;
  return 0;
}
#endif

#ifdef LEAVES_SLOT
int slot() {
  const auto gone = [](void*) { loader_test_note(WORDS " called"); };
  return khelp_osd_register(KHELP_OSD_THREAD, gone, nullptr) > 0 ? 0 : 1;
}
#endif

#ifdef LEAVES_FILTER
int filter() {
  static khelp_sflt_filter f;
  f.sf_handle = 0x1234;
  f.sf_flags = KHELP_SFLT_GLOBAL;
  f.sf_name = "left";
  f.sf_attach = [](void**, khelp_socket*) { return (loader_test_note(WORDS " called"), 0); };
  f.sf_detach = [](void*, khelp_socket*) {};
  return khelp_sflt_register(&f, 2, 1, 0);
}
#endif

#ifdef LEAVES_POINT
khelp_hhook_head head;
int point() {
  khelp_hhook_head* made = nullptr;
  return khelp_hhook_head_register_x(KHELP_HHOOK_TYPE_APP, 900, &head, &made, nullptr);
}
#endif

#ifdef LEAVES_THREAD
/// A thread that runs until it is told to end, in a way of its own each time; mod_destroy waits for
/// those that it can.
void* wait_for_the_end(void*) {
  while (!loader_test_over())
    usleep(200);
  return nullptr;
}
int wait_to(void*) {
  wait_for_the_end(nullptr);
  return 0;
}
std::atomic<bool> end_joined{false};
std::thread joined;
pthread_t left;
thrd_t left_to_c;
int thread() {
  joined = std::thread([] {
    while (!end_joined)
      usleep(200);
  });
  return 0;
}
int set_param(const char*, const char* way) {
  if (std::strcmp(way, "std") == 0)
    std::thread([] { wait_for_the_end(nullptr); }).detach();
  else if (std::strcmp(way, "posix") == 0)
    return pthread_create(&left, nullptr, wait_for_the_end, nullptr);
  else if (std::strcmp(way, "c") == 0)
    return thrd_create(&left_to_c, wait_to, nullptr) == thrd_success ? 0 : 1;
  return 0;
}
constexpr khelp_param params[] = {{"way", "", "how a thread is started that is left"}};
#endif

#ifdef LEAVES_ARGUMENT
int number = 1;
int argument() {
  khelp_hookinfo hook{};
  hook.hook_func = loader_test_add;
  hook.hook_udata = &number;
  if (const int error = khelp_hhook_name(loader_test::point, &hook.hook_type, &hook.hook_id))
    return error;
  return khelp_hhook_add_hook_lookup(&hook, 0);
}
#endif

#ifdef LEAVES_ZONE
int zone() {
  const auto fini = [](void*, int) { loader_test_note(WORDS " called"); };
  return khelp_uma_zcreate(WORDS, 64, nullptr, nullptr, nullptr, fini, 0, 0) != nullptr ? 0 : 1;
}
#endif

#ifdef LEAVES_LISTED
int listed() {
  const auto hook = [](void*) { loader_test_note(WORDS " called"); };
  khelp_hook_list* const list = khelp_hooks_of_process(KHELP_HOOKS_SHUTDOWN);
  return khelp_hook_register(list, hook, nullptr) != nullptr ? 0 : 1;
}
#endif

#ifdef LEAVES_INSTANCES
khelp_sysinit begins{KHELP_SI_SUB_VNET_DONE,
                     0,
                     KHELP_SYSINIT_INSTANCE_START,
                     0,
                     [](const void*) { loader_test_note(WORDS " begins"); },
                     nullptr};
khelp_sysinit ends{KHELP_SI_SUB_VNET_DONE,
                   0,
                   KHELP_SYSINIT_INSTANCE_END,
                   0,
                   [](const void*) { loader_test_note(WORDS " ends"); },
                   nullptr};
int instances() {
  const int error = khelp_vnet_register_sysinit(&begins);
  return error != 0 ? error : khelp_vnet_register_sysuninit(&ends);
}
#endif

#ifdef LEAVES_STATIC_OBJECTS
/// Objects that the process's end destroys: one that is made when the file is loaded, one when its
/// start runs.
struct canary {
  volatile int alive = 1;
  ~canary() {
    alive = 0;
    loader_test_note(WORDS " called");
  }
};
canary early;
canary& late() {
  static canary made;
  return made;
}
int static_objects() {
  (void)late();
  return 0;
}
void touch() {
  if (early.alive == 0 || late().alive == 0)
    _exit(9);
}
#endif

#ifdef LEAVES_DATA
/// Data of objects whose end is told.
struct state {
  ~state() { loader_test_note(WORDS " called"); }
};
int data() {
  return 0;
}
#endif

void run(loader_test::event& e) {
  e.calls++;
  touch();
  if (e.inside != nullptr)
    e.inside();
}

#ifdef LEAVES_DATA
void run_with_data(loader_test::event& e, state&) {
  run(e);
}
constexpr khelp::typed_hook<state> hooks[] = {khelp::hook<run_with_data>(loader_test::point)};
#else
using state = void;
constexpr khelp::typed_hook<void> hooks[] = {khelp::hook<run>(loader_test::point)};
#endif

constexpr khelp_helper_x declaration() {
  auto x = khelp::helper<state>(WORDS, 1, KHELP_HELPER_CLASS_APP, hooks);
  x.mod_init = LEAVES;
#ifdef LEAVES_THREAD
  x.mod_destroy = [] {
    end_joined = true;
    joined.join();
    return 0;
  };
  x.params = params;
  x.nparams = 1;
  x.set_param = set_param;
#endif
  return x;
}

constexpr khelp_helper_x helper = declaration();

}  // namespace

// Once more round, so that LEAVES is what it stands for.
#define DECLARE_HELPER(...) KHELP_DECLARE_HELPER(__VA_ARGS__)
#ifdef LEAVES_DATA
DECLARE_HELPER(LEAVES, 1, helper, KHELP_HELPER_CLASS_APP, sizeof(state));
#else
DECLARE_HELPER(LEAVES, 1, helper, 0, 0);
#endif
