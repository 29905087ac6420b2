// What procfs tells of a process.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace khelp::procfs {

struct process {
  bool exists = false;
  bool ending = false;  // a zombie, or on the way
  int parent = 0;
  std::uint64_t started = 0;  // ticks since boot: who it is, with its number
  std::string name;
};

// Each may throw std::bad_alloc. None is a cancellation point.
process look(pid_t pid);
bool is_64bit(pid_t pid);
bool is_super_user(pid_t pid);

}  // namespace khelp::procfs
