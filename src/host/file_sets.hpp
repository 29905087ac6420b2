// A mapped file's start and end functions and its variables per instance, as far as can be checked
// before anything of them is called.
#pragma once

#include <khelp/result.hpp>
#include <khelp/sysinit.h>

#include "host/mapping.hpp"
#include "host/module_file.hpp"

namespace khelp {

/// Where the sets are, and that every pointer in them leads to a record inside the file.
///
/// Errors   ENOEXEC, in words.
result<khelp_file_sets> mapped_sets(const mapping& code, const startup_sets& sets);

}  // namespace khelp
