/// What the user wants of a replay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/report/options.hpp"

namespace khelp::app {

/// One --load: a helper's name or file, and its parameters.
struct load_request {
  std::string helper;
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// The helpers that are loaded, and how.
struct helpers_request {
  std::vector<load_request> loads;
  std::string module_path;
  std::vector<std::string> libraries;  ///< that helpers may bring in
  bool debug = false;                  ///< mapped from their own files
  bool raw = false;  ///< data of helpers that declare no fields is reported in hexadecimal
};

struct replay_request {
  helpers_request helpers;
  report_options report;
  std::vector<std::string> captures;
  std::string samples_file;                   ///< empty: none
  std::string plot_file;                      ///< empty: none
  std::optional<std::uint64_t> unload_after;  ///< packets
  std::optional<std::uint64_t> jobs;          ///< threads
  bool explain = false;
  bool mem = false;
};

}  // namespace khelp::app
