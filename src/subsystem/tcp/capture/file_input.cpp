#include "subsystem/tcp/capture/file_input.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace khelp::tcp {

result<std::unique_ptr<file_input>> file_input::open(const std::string& name) {
  const int descriptor = name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return failure(errno);
  struct stat about {};
  const bool regular = fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
  const auto size = static_cast<uint64_t>(regular ? about.st_size : 0);
  return std::unique_ptr<file_input>(new file_input(descriptor, regular, size));
}

file_input::~file_input() {
  if (descriptor_ != STDIN_FILENO)
    (void)::close(descriptor_);
}

result<size_t> file_input::read_file(std::span<uint8_t> to) {
  pollfd more{descriptor_, POLLIN, 0};
  if (!regular_ && on_wait_ && poll(&more, 1, 0) == 0)
    on_wait_();
  const ssize_t got = ::read(descriptor_, to.data(), to.size());
  if (got < 0)
    return failure(errno);
  return static_cast<size_t>(got);
}

result<size_t> file_input::read(std::span<uint8_t> to) {
  if (ahead_begin_ == ahead_end_)
    return read_file(to);
  const size_t taken = std::min(to.size(), ahead_end_ - ahead_begin_);
  std::memcpy(to.data(), &ahead_[ahead_begin_], taken);
  ahead_begin_ += taken;
  return taken;
}

result<std::span<const uint8_t>> file_input::beginning(size_t bytes) {
  if (regular_) {
    const ssize_t got =
        ::pread(descriptor_, ahead_.data(), bytes, ::lseek(descriptor_, 0, SEEK_CUR));
    if (got < 0)
      return failure(errno);
    return std::span<const uint8_t>(ahead_).first(static_cast<size_t>(got));
  }
  while (ahead_end_ < bytes) {
    auto got = read_file(std::span(ahead_).subspan(ahead_end_, bytes - ahead_end_));
    if (!got)
      return std::move(got).error();
    if (*got == 0)
      break;
    ahead_end_ += *got;
  }
  return std::span<const uint8_t>(ahead_).first(ahead_end_);
}

}  // namespace khelp::tcp
