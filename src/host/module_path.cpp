#include "host/module_path.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/stat.h>
#include <vector>

#include "base/text.hpp"
#include "host/symbols.hpp"

namespace khelp {
namespace {

bool names_a_file(std::string_view name) {
  return name.find('/') != std::string_view::npos || name.ends_with(".so");
}

void add_folders(module_path& folders, std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = path.find(':');
    if (const std::string_view folder = path.substr(0, end); !folder.empty())
      folders.emplace_back(folder);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
}

void add_folder_beside_library(module_path& folders) {
  const std::string_view library = own_path();
  if (const std::size_t slash = library.rfind('/'); slash != std::string_view::npos)
    folders.push_back(std::string(library.substr(0, slash)) + "/khelp");
}

bool is_file(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

module_path folders_of_modules(std::string_view first) {
  module_path folders;
  add_folders(folders, first);
  if (const char* path = secure_getenv("KHELP_MODULE_PATH"))
    add_folders(folders, path);
  add_folder_beside_library(folders);
  return folders;
}

result<std::vector<std::string>> find_modules_by_name(std::string_view name,
                                                      const module_path& folders) {
  if (name.empty() || names_a_file(name))
    return failure(EINVAL, concat("no module can have the name ", quoted(name)));

  std::vector<std::string> found;
  std::string searched;
  for (const std::string& folder : folders) {
    std::string path = folder + "/" + std::string(name) + ".so";
    if (is_file(path))
      found.push_back(std::move(path));
    searched += (searched.empty() ? "" : ", ") + folder;
  }
  if (found.empty())
    return failure(ENOENT, concat("no module ", quoted(name), " in ", searched));
  return found;
}

result<std::string> find_module_file(std::string_view name, const module_path& folders) {
  if (names_a_file(name))
    return std::string(name);
  if (name.ends_with(".ko"))
    name.remove_suffix(3);
  auto found = find_modules_by_name(name, folders);
  if (!found)
    return std::move(found.error());
  return std::move(found->front());
}

}  // namespace khelp
