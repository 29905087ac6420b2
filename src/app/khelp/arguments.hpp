/// What the user asked for, from the command line.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include <khelp/result.hpp>

#include "app/replay/replay_request.hpp"

namespace khelp::app {

struct check_request {
  std::vector<std::string> files;
  std::vector<std::string> libraries;  ///< as of a replay
  bool json = false;
};

struct version_request {};

/// The user asked for words, or made a mistake: they are printed, and that is all.
struct nothing_to_do {
  std::string words;
  bool mistake = false;
};

using request = std::variant<replay_request, check_request, version_request, nothing_to_do>;

request parse_arguments(int argc, const char* const* argv);

/// "HELPER[:param=value,...]"; HELPER may be a path, in which a ':' is part of a folder's name.
///
/// Errors   EINVAL, in words.
result<load_request> parse_load(const std::string& text);

}  // namespace khelp::app
