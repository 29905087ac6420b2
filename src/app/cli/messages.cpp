#include "app/cli/messages.hpp"

#include <cerrno>
#include <cstdio>
#include <string>

#include "app/cli/exit_status.hpp"
#include "app/cli/output.hpp"
#include "app/cli/printable.hpp"

namespace khelp::app {

void report_error(std::string_view text) {
  std::string line = "khelp: ";
  for (char c : printable_lines(text)) {
    line += c;
    if (c == '\n')
      line += "  ";
  }
  while (line.ends_with(' ') || line.ends_with('\n'))
    line.pop_back();
  line += '\n';
  // If standard error cannot be written, there is no place left to report that.
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

bool complete(const result<void>& written) {
  if (!written && written.error().code != EPIPE)
    report_error(written.error().detail);
  return written.has_value();
}

int print(std::string_view text) {
  output out = output::standard_output();
  out.write(text);
  return complete(out.flush()) ? exit_done : exit_failed;
}

}  // namespace khelp::app
