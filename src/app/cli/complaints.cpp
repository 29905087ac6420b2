#include "app/cli/complaints.hpp"

#include <cerrno>
#include <cstdio>
#include <string>

#include "app/cli/printable.hpp"

namespace khelp::app {

void complain(std::string_view words) {
  std::string text = "khelp: ";
  for (char c : printable_lines(words)) {
    text += c;
    if (c == '\n')
      text += "  ";
  }
  while (text.ends_with(' ') || text.ends_with('\n'))
    text.pop_back();
  text += '\n';
  // Nobody is left to tell if standard error cannot be written.
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

bool complete(const result<void>& written) {
  if (!written && written.error().code != EPIPE)
    complain(written.error().detail);
  return written.has_value();
}

}  // namespace khelp::app
