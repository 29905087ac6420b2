#include "utilities/procfs.hpp"

#include <charconv>
#include <elf.h>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include "base/cancellation.hpp"
#include "base/unique_fd.hpp"

namespace khelp::procfs {
namespace {

constexpr std::uint64_t flag_exiting = 0x4;          // PF_EXITING
constexpr std::uint64_t cap_sys_admin = 1ull << 21;  // CAP_SYS_ADMIN

// The beginning of /proc/PID/FILE; "" when it cannot be read.
std::string read_file(pid_t pid, const char* file) {
  const no_cancellation whole;
  const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  const unique_fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return "";
  std::string text(4096, '\0');
  const ssize_t got = read(fd.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

std::string_view next_word(std::string_view& text) {
  const std::size_t from = text.find_first_not_of(" \t\n");
  text.remove_prefix(from == std::string_view::npos ? text.size() : from);
  const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
  text.remove_prefix(word.size());
  return word;
}

std::uint64_t number(std::string_view word, int base = 10) {
  std::uint64_t value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value, base);
  return value;
}

// Behind "Key:" of /proc/PID/status.
std::string_view value_of(std::string_view status, std::string_view key) {
  const std::size_t at = status.find(key);
  return at == std::string_view::npos ? std::string_view() : status.substr(at + key.size());
}

}  // namespace

// "pid (name) state ppid …": the name may hold anything, so it ends at the last ')'.
process look(pid_t pid) {
  process found;
  const std::string text = read_file(pid, "stat");
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos)
    return found;
  found.exists = true;
  found.name = text.substr(open + 1, close - open - 1);
  std::string_view rest = std::string_view(text).substr(close + 1);
  const std::string_view state = next_word(rest);
  found.ending = state == "Z" || state == "X";
  found.parent = static_cast<int>(number(next_word(rest)));
  constexpr int flags_field = 9;
  constexpr int start_field = 22;
  for (int field = 5; field <= start_field; ++field) {
    const std::uint64_t value = number(next_word(rest));
    if (field == flags_field)
      found.ending = found.ending || (value & flag_exiting) != 0;
    if (field == start_field)
      found.started = value;
  }
  return found;
}

bool is_64bit(pid_t pid) {
  const std::string program = read_file(pid, "exe");
  if (program.size() <= EI_CLASS || program.compare(0, SELFMAG, ELFMAG) != 0)
    return sizeof(void*) == 8;
  return program[EI_CLASS] == ELFCLASS64;
}

bool is_super_user(pid_t pid) {
  const std::string status = read_file(pid, "status");
  std::string_view users = value_of(status, "\nUid:");
  if (users.empty())
    return false;
  next_word(users);  // the real one
  if (number(next_word(users)) == 0)
    return true;
  std::string_view capabilities = value_of(status, "\nCapEff:");
  return (number(next_word(capabilities), 16) & cap_sys_admin) != 0;
}

}  // namespace khelp::procfs
