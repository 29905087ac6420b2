// The words of this thread's last refusal (khelp_failure_text()).
#pragma once

#include <string_view>

namespace khelp {

// Remember words; cut short, never failing, when memory is out.
void set_failure_text(std::string_view words) noexcept;
void clear_failure_text() noexcept;

}  // namespace khelp
