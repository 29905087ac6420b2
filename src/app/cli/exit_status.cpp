#include "app/cli/exit_status.hpp"

namespace khelp::app {

const char* const exit_status_help =
    "Exit status:\n"
    "  0  done\n"
    "  1  failed, or a capture is damaged (what was read before is reported)\n"
    "  2  usage: an option or a helper's parameter is wrong\n"
    "  3  a helper or a capture file failed its check\n"
    "  4  busy\n"
    "  5  not permitted\n"
    "  6  not found\n"
    "  7  timeout\n"
    "  8  partly done: some of several captures failed\n"
    "  130, 143  ended by Ctrl-C or SIGTERM; the results so far are reported\n";

}  // namespace khelp::app
