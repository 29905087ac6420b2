#include "app/cli/overwriting.hpp"

#include <cerrno>
#include <cstddef>
#include <fmt/format.h>
#include <sys/stat.h>

namespace khelp::app {
namespace {

std::optional<file_identity> identity_in(const struct stat& about) {
  if (!S_ISREG(about.st_mode))
    return std::nullopt;
  return file_identity{about.st_dev, about.st_ino};
}

bool same(const used_file& one, const used_file& other) {
  return one.identity && one.identity == other.identity;
}

}  // namespace

std::optional<file_identity> identity_of(const std::string& name) {
  struct stat about {};
  return ::stat(name.c_str(), &about) == 0 ? identity_in(about) : std::nullopt;
}

std::optional<file_identity> identity_of(int descriptor) {
  struct stat about {};
  return ::fstat(descriptor, &about) == 0 ? identity_in(about) : std::nullopt;
}

result<void> check_overwriting(const std::vector<used_file>& written,
                               const std::vector<used_file>& read) {
  for (std::size_t i = 0; i < written.size(); ++i) {
    for (const used_file& source : read) {
      if (same(written[i], source))
        return failure(EINVAL, fmt::format("{} would overwrite {}: they are one file",
                                           written[i].description, source.description));
    }
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      if (same(written[i], written[earlier]))
        return failure(EINVAL, fmt::format("{} would overwrite {}: they are one file",
                                           written[i].description, written[earlier].description));
    }
  }
  return {};
}

}  // namespace khelp::app
