// What a load would say about a file, without the load.
#pragma once

#include <khelp/result.hpp>

#include "host/load.hpp"

namespace khelp {

/// khelp_check_load() (loader.h).
result<void> check_file(const load_request& request,
                        void (*fn)(void* arg, int severity, const char* line), void* arg);

}  // namespace khelp
