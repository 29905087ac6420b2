/// The verbs of the program: what one is, and the table of all.
#pragma once

#include <memory>
#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace khelp::app {

/// A verb. Its file owns its options: declares them, checks them, acts on them.
class verb {
 public:
  virtual ~verb() = default;

  /// Declare options and operands, and what help says after them. Reading the command line stores
  /// their values in this verb. Exit codes need not be mentioned: every verb's help ends with them.
  virtual void add_options(CLI::App& command) = 0;

  /// Act on what was read.
  ///
  /// Returns the program's exit status (app/cli/exit_status.hpp).
  virtual int run() = 0;
};

/// A row of the table. Help, usage errors and suggestions are made of it.
struct verb_entry {
  const char* name;
  const char* summary;  ///< one line, without a full stop
  std::unique_ptr<verb> (*make)();
};

/// In the order in which help lists them.
std::span<const verb_entry> all_verbs();

/// nullptr: there is none of that name.
const verb_entry* find_verb(std::span<const verb_entry> table, std::string_view name);

}  // namespace khelp::app
