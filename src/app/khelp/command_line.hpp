/// What the command line asks for.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <variant>

#include "app/khelp/verbs.hpp"

namespace khelp::app {

/// Text to print instead of running a verb: help, or what is wrong with the command line.
struct usage_text {
  std::string text;
  bool is_error = false;
};

/// A verb with its options read.
using command = std::variant<std::unique_ptr<verb>, usage_text>;

command read_command_line(int argc, const char* const* argv, std::span<const verb_entry> table);

}  // namespace khelp::app
