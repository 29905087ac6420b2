// A program with a helper, for a debugger to look at: debugged HELPER [closed | crash].
//
// It says "inside PID" once a hook of the helper runs, and stays there; or ends by abort(3) there.
// With "closed" it has closed the descriptors that it did not open, as daemons do, and a pipe that
// nobody writes to has their numbers.

#include "debugged.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

#include <khelp/loader.h>

namespace {

std::string_view mode;

void close_others() {
  int ends[2];
  closefrom(STDERR_FILENO + 1);
  for (int i = 0; i < 8; i++) {
    if (pipe(ends) != 0)
      std::abort();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2)
    return 2;
  if (argc > 2)
    mode = argv[2];
  khelp::hook_point<debugged::event> point(debugged::point);
  if (!point.open() || khelp_load(argv[1], nullptr, nullptr) != 0) {
    std::fprintf(stderr, "%s\n", khelp_failure_text());
    return 1;
  }
  if (mode == "closed")
    close_others();
  debugged::event event{[] {
    std::printf("inside %d\n", getpid());
    std::fflush(stdout);
    if (mode == "crash")
      std::abort();
    while (true)
      pause();
  }};
  point(event);
  return 0;
}
