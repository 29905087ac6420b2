// Where helpers are found by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <khelp/result.hpp>

namespace khelp {

/// NAME.so in the first folder that has it: those of `first` (':' between), of KHELP_MODULE_PATH
/// unless the process is set-id, then the folder "khelp" beside this library (the build's and the
/// installed one alike).
///
/// Errors   ENOENT: the words name the folders · EINVAL no module can have this name.
result<std::string> find_module_by_name(std::string_view name, std::string_view first);

/// All of that name, in the order of the folders: they may offer different versions.
///
/// Errors   as find_module_by_name().
result<std::vector<std::string>> find_modules_by_name(std::string_view name,
                                                      std::string_view first);

/// The first, or `name` itself when it names a file: it contains '/' or ends in ".so". A bare name
/// that ends in ".ko", as FreeBSD's scripts have it, is searched without that.
result<std::string> find_module_file(std::string_view name, std::string_view first);

}  // namespace khelp
