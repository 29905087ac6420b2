/// Options that several verbs have, and checks for what their options take.
#pragma once

#include <string>
#include <vector>

#include <khelp/result.hpp>

#include "app/replay/replay_request.hpp"

namespace CLI {
class App;
}

namespace khelp::app {

/// --json.
void add_json(CLI::App& command, bool& json);

/// --load HELPER[:param=value,...], repeatable.
void add_loads(CLI::App& command, std::vector<load_request>& loads);

/// --allow-library NAME, repeatable.
void add_allow_library(CLI::App& command, std::vector<std::string>& libraries);

/// "HELPER[:param=value,...]"; HELPER may be a path, in which a ':' is part of a folder's name.
///
/// Errors   EINVAL, in words.
result<load_request> parse_load(const std::string& text);

// Checks for CLI11: "" says that the text is right, other text what is wrong with it.

std::string check_file_name(const std::string& text);
std::string check_whole_number(const std::string& text);

}  // namespace khelp::app
