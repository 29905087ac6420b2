#include "app/khelp/complaints.hpp"

#include <cstdio>
#include <string>

namespace khelp::app {

void complain(std::string_view words) {
  std::string text = "khelp: ";
  for (char c : words) {
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

}  // namespace khelp::app
