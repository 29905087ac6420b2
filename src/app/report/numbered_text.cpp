#include "app/report/numbered_text.hpp"

#include <string>

namespace khelp::app {

void write_numbered(output& out, std::string_view text, std::uint64_t number) {
  const std::string digits = std::to_string(number);
  for (std::size_t at; (at = text.find(number_goes_here)) != std::string_view::npos;) {
    out.write(text.substr(0, at));
    out.write(digits);
    text.remove_prefix(at + 1);
  }
  out.write(text);
}

}  // namespace khelp::app
