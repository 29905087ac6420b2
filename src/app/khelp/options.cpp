#include "app/khelp/options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>

namespace khelp::app {

void add_json(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "Report as one JSON document");
}

void add_loads(CLI::App& command, std::vector<load_request>& loads) {
  command
      .add_option_function<std::vector<std::string>>(
          "--load",
          [&loads](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              auto load = parse_load(text);
              if (!load)
                throw CLI::ValidationError(load.error().detail);
              loads.push_back(std::move(*load));
            }
          },
          "Load a helper, by name or file; may be given several times")
      ->type_name("HELPER[:param=value,...]")
      ->allow_extra_args(false);
}

void add_allow_library(CLI::App& command, std::vector<std::string>& libraries) {
  command
      .add_option("--allow-library", libraries,
                  "Let helpers need this library (libz.so.1; libz.so.* for all that begin so). "
                  "Repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

result<load_request> parse_load(const std::string& text) {
  // Parameters begin at the first ':' after the last folder; a value may hold a '/' itself.
  const std::size_t folder_end = text.substr(0, text.find('=')).rfind('/');
  const std::size_t colon = text.find(':', folder_end == std::string::npos ? 0 : folder_end + 1);
  load_request load;
  load.helper = text.substr(0, colon);
  if (load.helper.empty() || load.helper.back() == '/')
    return failure(EINVAL, fmt::format("--load {}: there is no helper's name", text));
  if (colon == std::string::npos)
    return load;
  for (const std::string& piece : CLI::detail::split(text.substr(colon + 1), ',')) {
    const std::size_t equals = piece.find('=');
    if (equals == std::string::npos || equals == 0)
      return failure(EINVAL,
                     fmt::format("--load {}: '{}' is not of the form param=value", text, piece));
    load.parameters.emplace_back(piece.substr(0, equals), piece.substr(equals + 1));
  }
  return load;
}

std::string check_file_name(const std::string& text) {
  return text.empty() ? "a file needs a name" : "";
}

std::string check_whole_number(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (stopped != end || error == std::errc::invalid_argument)
    return fmt::format("'{}' is not a whole number from 0 up", text);
  return error == std::errc() ? "" : fmt::format("{} is too large a number", text);
}

}  // namespace khelp::app
