#include "app/replay/loaded_state.hpp"

#include <cstdio>
#include <string>

#include "app/report/hook_order.hpp"
#include "app/report/memory_report.hpp"
#include "snapshot/hooks.hpp"

namespace khelp::app {
namespace {

void write_to_standard_error(const std::string& text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

void show_hook_order(report_form form, output& standard) {
  const std::string text = hook_order_text(snapshot::read_hooks());
  if (form == report_form::table)
    standard.write(text + "\n");
  else
    write_to_standard_error(text);
}

snapshot::memory_info look_at_memory(report_form form) {
  snapshot::memory_info memory = snapshot::read_memory();
  if (form == report_form::csv)
    write_to_standard_error(memory_text(memory, false));
  return memory;
}

}  // namespace khelp::app
