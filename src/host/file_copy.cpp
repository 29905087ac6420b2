#include "host/file_copy.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "host/sentence.hpp"

namespace khelp {
namespace {

constexpr off_t largest_file = off_t{64} << 20;
#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 0x8;
#endif

failure failed(int code, const std::string& what) {
  return failure(code, what + ": " + khelp_strerror(code));
}

result<void> write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failed(errno, "the copy of the file cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

/// MFD_NOEXEC_SEAL: asked for where the kernel knows it, because hardened systems demand it. The
/// dynamic linker maps the copy; nobody executes it.
unique_fd open_memory(const std::string& name) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  unique_fd fd(memfd_create(name.c_str(), flags | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL)
    fd = unique_fd(memfd_create(name.c_str(), flags));
  return fd;
}

unique_fd open_nameless() {
  const char* own = secure_getenv("XDG_RUNTIME_DIR");
  for (const char* folder : {own, "/run/shm", "/tmp"}) {
    if (folder == nullptr)
      continue;
    unique_fd fd(open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0400));
    if (fd)
      return fd;
  }
  return {};
}

/// The nameless file again, for reading only: nobody holds it for writing any more.
result<unique_fd> reopen_for_reading(const unique_fd& writable) {
  const std::string name = "/proc/self/fd/" + std::to_string(writable.get());
  unique_fd fd(open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return failed(errno, "the copy of the file cannot be opened");
  return fd;
}

}  // namespace

file_copy::file_copy(unique_fd fd) : fd_(std::move(fd)) {
  struct stat status;
  if (fstat(fd_.get(), &status) != 0)
    return;
  device_ = status.st_dev;
  file_ = status.st_ino;
}

file_copy& file_copy::operator=(file_copy&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(device_, other.device_);
  std::swap(file_, other.file_);
  return *this;
}

result<void> file_copy::move_up() {
  unique_fd higher(fcntl(fd_.get(), F_DUPFD_CLOEXEC, fd_.get() + 1));
  if (!higher)
    return failed(errno, "no descriptor is left");
  fd_ = std::move(higher);
  return {};
}

void file_copy::reset() noexcept {
  struct stat status;
  const bool ours =
      fd_ && fstat(fd_.get(), &status) == 0 && status.st_dev == device_ && status.st_ino == file_;
  if (ours)
    fd_.reset();
  else
    fd_.release();
}

result<std::vector<std::byte>> read_whole_file(const std::string& path) {
  const unique_fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd)
    return failed(errno, path);
  struct stat status;
  if (fstat(fd.get(), &status) != 0)
    return failed(errno, path);
  if (!S_ISREG(status.st_mode))
    return failure(ENOEXEC, path + ": not a regular file");
  if (status.st_size > largest_file)
    return failure(ENOEXEC, path + ": larger than a helper can be");

  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t n = read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failed(errno, path);
    if (n == 0)
      break;  // it became shorter while it was read: the check tells
    filled += static_cast<std::size_t>(n);
  }
  bytes.resize(filled);
  return bytes;
}

result<file_copy> seal_copy(std::span<const std::byte> bytes, const std::string& name) {
  unique_fd fd = open_memory(name);
  const bool in_memory = static_cast<bool>(fd);
  if (!in_memory)
    fd = open_nameless();
  if (!fd)
    return failed(errno, "no place for a copy of the file");
  if (auto written = write_all(fd.get(), bytes); !written)
    return std::move(written.error());
  if (!in_memory) {
    auto readable = reopen_for_reading(fd);
    if (!readable)
      return std::move(readable.error());
    return file_copy(std::move(*readable));
  }
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (fcntl(fd.get(), F_ADD_SEALS, seals) != 0)
    return failed(errno, "the copy of the file cannot be sealed");
  return file_copy(std::move(fd));
}

}  // namespace khelp
