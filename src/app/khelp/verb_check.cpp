#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <string>
#include <vector>

#include <khelp/khelp.hpp>

#include "app/cli/exit_status.hpp"
#include "app/cli/json_writer.hpp"
#include "app/cli/messages.hpp"
#include "app/cli/output.hpp"
#include "app/cli/printable.hpp"
#include "app/khelp/options.hpp"
#include "app/khelp/verbs.hpp"

namespace khelp::app {
namespace {

enum severity { description = 0, permanent = 1, refused = 2 };

struct checked_file {
  std::string file;
  bool is_refused = false;
  int error = 0;                      ///< of reading it
  std::string text;                   ///< with an error
  std::vector<std::string> lines[3];  ///< by severity

  bool passed() const { return error == 0 && !is_refused; }
};

checked_file check_one(const std::string& file, const std::vector<const char*>& libraries) {
  checked_file found;
  found.file = file;
  khelp_load_options options{};
  options.size = sizeof options;
  options.libraries = libraries.data();
  options.nlibraries = static_cast<std::uint32_t>(libraries.size());
  const int error = khelp_check_load(
      file.c_str(), &options,
      [](void* arg, int severity, const char* line) {
        static_cast<checked_file*>(arg)->lines[severity].emplace_back(line);
      },
      &found);
  found.is_refused = !found.lines[refused].empty();
  if (error != 0 && !found.is_refused) {
    found.error = error;
    found.text = khelp_failure_text();
    if (found.text.empty())
      found.text = fmt::format("{}: {}", file, khelp_strerror(error));
  }
  return found;
}

void write_text(const checked_file& found, output& out) {
  if (found.error != 0)
    return;
  const char* verdict = !found.passed()                  ? "refused"
                        : found.lines[permanent].empty() ? "fits"
                                                         : "fits, but cannot be unmapped again";
  out.write(fmt::format("{}: {}\n", printable(found.file), verdict));
  for (const std::string& line : found.lines[description])
    out.write(fmt::format("  {}\n", printable(line)));
  for (const std::string& line : found.lines[permanent])
    out.write(fmt::format("  permanent: {}\n", printable(line)));
  for (const std::string& line : found.lines[refused])
    out.write(fmt::format("  refused: {}\n", printable(line)));
}

std::string json_text(const std::vector<checked_file>& files) {
  std::string text;
  json_writer json(text);
  json.begin_object();
  json.key("files");
  json.begin_array();
  for (const checked_file& found : files) {
    json.begin_object();
    json.texts("description", found.lines[description]);
    json.text_or_null("error", found.text);
    json.text("file", found.file);
    json.boolean("fits", found.passed());
    json.texts("permanent", found.lines[permanent]);
    json.texts("problems", found.lines[refused]);
    json.end_object();
  }
  json.end_array();
  json.number("schema", 1);
  json.end_object();
  return text + "\n";
}

int exit_status(const std::vector<checked_file>& files) {
  int unreadable = 0;
  for (const checked_file& found : files) {
    if (found.is_refused)
      return exit_check_failed;
    if (unreadable == 0)
      unreadable = found.error;
  }
  return exit_code_for(unreadable);
}

class check_verb final : public verb {
 public:
  void add_options(CLI::App& command) override {
    add_json(command, json_);
    add_allow_library(command, libraries_);
    command.add_option("FILE", files_, "Helper files (.so)")->type_name("")->required();
  }

  int run() override {
    std::vector<const char*> libraries;
    for (const std::string& library : libraries_)
      libraries.push_back(library.c_str());
    std::vector<checked_file> files;
    for (const std::string& file : files_)
      files.push_back(check_one(file, libraries));

    output out = output::standard_output();
    if (json_)
      out.write(json_text(files));
    for (const checked_file& found : files) {
      if (!json_)
        write_text(found, out);
      if (found.error != 0)
        report_error(found.text);
    }
    return complete(out.flush()) ? exit_status(files) : static_cast<int>(exit_failed);
  }

 private:
  std::vector<std::string> files_;
  std::vector<std::string> libraries_;  ///< that helpers may bring in
  bool json_ = false;
};

}  // namespace

std::unique_ptr<verb> make_check_verb() {
  return std::make_unique<check_verb>();
}

}  // namespace khelp::app
