/// What the user asked for, from the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <khelp/result.hpp>

namespace khelp::app {

/// One --load: a helper's name or file, and its parameters.
struct load_request {
  std::string helper;
  std::vector<std::pair<std::string, std::string>> parameters;
};

enum class report_form { table, json, csv };

struct replay_request {
  std::vector<load_request> loads;
  report_form form = report_form::table;
  std::string samples_file;  ///< empty: none
  std::string plot_file;     ///< empty: none
  std::string module_path;
  std::vector<std::string> libraries;  ///< that helpers may bring in
  std::vector<std::string> captures;
  std::optional<std::uint64_t> unload_after;  ///< packets
  std::string instance_by = "none";           ///< or vlan, file
  std::uint64_t top = 20;                     ///< lines of the table
  std::optional<std::uint64_t> jobs;          ///< threads
  bool explain = false;
  bool mem = false;
  bool raw = false;
  bool debug = false;
};

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
