// Where helpers are found by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <khelp/result.hpp>

namespace khelp {

/// Folders, in the order in which they are looked through.
using module_path = std::vector<std::string>;

/// Those of `first` (':' between), of KHELP_MODULE_PATH unless the process is set-id, then the folder
/// "khelp" beside this library (the build's and the installed one alike).
module_path folders_of_modules(std::string_view first);

/// NAME.so in all folders that have it: they may offer different versions.
///
/// Errors   ENOENT: the words name the folders · EINVAL no module can have this name.
result<std::vector<std::string>> find_modules_by_name(std::string_view name,
                                                      const module_path& folders);

/// The first, or `name` itself when it names a file: it contains '/' or ends in ".so". A bare name
/// that ends in ".ko", as FreeBSD's scripts have it, is searched without that.
///
/// Errors   as find_modules_by_name().
result<std::string> find_module_file(std::string_view name, const module_path& folders);

}  // namespace khelp
