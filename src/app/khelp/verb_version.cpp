#include <fmt/format.h>

#include <khelp/module.h>

#include "app/cli/messages.hpp"
#include "app/khelp/verbs.hpp"

namespace khelp::app {
namespace {

class version_verb final : public verb {
 public:
  void add_options(CLI::App&) override {}

  int run() override {
    return print(fmt::format("khelp {}, module ABI {}\n", KHELP_VERSION_TEXT, KHELP_ABI));
  }
};

}  // namespace

std::unique_ptr<verb> make_version_verb() {
  return std::make_unique<version_verb>();
}

}  // namespace khelp::app
