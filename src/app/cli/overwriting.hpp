/// No output may destroy what the same run reads, or another of its outputs.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include <khelp/result.hpp>

namespace khelp::app {

/// Which file it is, by whatever name it is reached.
struct file_identity {
  dev_t device;
  ino_t number;

  bool operator==(const file_identity&) const = default;
};

/// Nothing: no such file, or one that keeps nothing (a device, a pipe).
std::optional<file_identity> identity_of(const std::string& name);
std::optional<file_identity> identity_of(int descriptor);

/// A file that the program uses, and for what: "--samples x.csv", "the capture in.pcap".
struct used_file {
  std::string description;
  std::optional<file_identity> identity;
};

/// Errors   EINVAL a file is written to that is read or written to as something else, too.
result<void> check_overwriting(const std::vector<used_file>& written,
                               const std::vector<used_file>& read);

}  // namespace khelp::app
