// A native helper that leaves something of it behind: LEAVES is the name of one of the functions
// below.

#include <csignal>
#include <cstdlib>
#include <pthread.h>
#include <thread>
#include <unistd.h>

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
#else
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

void run(loader_test::event& e) {
  e.calls++;
  touch();
}

constexpr khelp::typed_hook<void> hooks[] = {khelp::hook<run>(loader_test::point)};

constexpr khelp_helper_x declaration() {
  auto x = khelp::helper<void>(WORDS, 1, 0, hooks);
  x.mod_init = LEAVES;
  return x;
}

constexpr khelp_helper_x helper = declaration();

}  // namespace

// Once more round, so that LEAVES is what it stands for.
#define DECLARE_HELPER(...) KHELP_DECLARE_HELPER(__VA_ARGS__)
DECLARE_HELPER(LEAVES, 1, helper, 0, 0);
