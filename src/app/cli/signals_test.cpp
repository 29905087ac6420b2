#include "app/cli/signals.hpp"

#include <cerrno>
#include <csignal>
#include <gtest/gtest.h>
#include <unistd.h>

namespace khelp::app {
namespace {

TEST(signals, the_first_interruption_is_noted_and_the_second_ends_the_program) {
  EXPECT_EXIT(
      {
        catch_interruptions();
        (void)raise(SIGINT);
        if (interruption() != SIGINT)
          _exit(1);
        (void)raise(SIGINT);
        _exit(2);
      },
      testing::KilledBySignal(SIGINT), "");
}

TEST(signals, sigterm_is_noted_as_well) {
  EXPECT_EXIT(
      {
        catch_interruptions();
        (void)raise(SIGTERM);
        _exit(interruption() == SIGTERM ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(signals, an_interruption_ends_standard_input) {
  EXPECT_EXIT(
      {
        int ends[2];
        if (pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0)
          _exit(3);
        catch_interruptions();
        (void)raise(SIGINT);
        char byte;
        _exit(read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(signals, a_closed_pipe_is_an_error_and_not_the_end) {
  EXPECT_EXIT(
      {
        catch_interruptions();
        int ends[2];
        if (pipe(ends) != 0)
          _exit(3);
        close(ends[0]);
        const bool refused = write(ends[1], "x", 1) < 0 && errno == EPIPE;
        _exit(refused ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace khelp::app
