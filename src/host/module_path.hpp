// Where helpers are found by name.
#pragma once

#include <string>
#include <string_view>

#include <khelp/result.hpp>

namespace khelp {

/// NAME.so in the first folder that has it: those of `first` (':' between), of KHELP_MODULE_PATH
/// unless the process is set-id, then the folder "khelp" beside this library (the build's and the
/// installed one alike).
///
/// Errors   ENOENT: the words name the folders · EINVAL no module can have this name.
result<std::string> find_module_by_name(std::string_view name, std::string_view first);

/// The same, or `name` itself when it names a file: it contains '/' or ends in ".so".
result<std::string> find_module_file(std::string_view name, std::string_view first);

}  // namespace khelp
