#include "host/file_copy.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/text.hpp"

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

bool is_file(const struct stat& status, dev_t device, ino_t file) noexcept {
  return status.st_dev == device && status.st_ino == file;
}

/// This process's number where /proc is looked at from; "": it is not there.
std::string number_in_proc() {
  char number[16];
  const ssize_t length = readlink("/proc/self", number, sizeof number);
  return length <= 0 ? "" : std::string(number, static_cast<std::size_t>(length));
}

}  // namespace

file_copy::file_copy(unique_fd fd) : fd_(std::move(fd)) {
  struct stat status;
  if (fstat(fd_.get(), &status) != 0)
    return;
  device_ = status.st_dev;
  file_ = status.st_ino;
}

void file_copy::swap(file_copy& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(device_, other.device_);
  std::swap(file_, other.file_);
  folder_.swap(other.folder_);
  name_.swap(other.name_);
}

/// Between folders "./" and ".//" may stand as often as one likes: they spell a number that counts up.
std::string file_copy::unused_path(std::size_t length) const {
  static std::atomic<std::uint64_t> paths{0};
  const std::string last = name_.empty() ? std::to_string(fd_.get()) : name_;
  std::string path = folder_ + "/";
  for (std::uint64_t number = ++paths; number != 0; number >>= 1)
    path += (number & 1) != 0 ? ".//" : "./";
  while (path.size() + last.size() < length)
    path += "./";
  return path + last;
}

void file_copy::remove_name() noexcept {
  struct stat status;
  if (name_.empty() || folder_.empty())
    return;
  try {
    const std::string path = folder_ + "/" + name_;
    if (lstat(path.c_str(), &status) == 0 && is_file(status, device_, file_))
      unlink(path.c_str());
  } catch (const std::bad_alloc&) {
    return;  // a file of ours stays: nothing is wrong with what is mapped
  }
  name_.clear();
}

void file_copy::reset() noexcept {
  struct stat status;
  const bool ours = fd_ && fstat(fd_.get(), &status) == 0 && is_file(status, device_, file_);
  if (ours)
    fd_.reset();
  else
    fd_.release();
}

/// Whether the descriptor has a path: the folder of this process's descriptors. By its number, not
/// as "self", which is somebody else's where a debugger opens it. Not in a chroot without /proc.
bool file_copy::find_descriptor_folder() {
  struct stat status;
  const std::string number = number_in_proc();
  std::string folder = concat("/proc/", number, "/fd");
  const std::string path = concat(folder, "/", fd_.get());
  if (number.empty() || stat(path.c_str(), &status) != 0 || !is_file(status, device_, file_))
    return false;
  folder_ = std::move(folder);
  return true;
}

/// Not where it lies on a file system that is mounted noexec.
bool file_copy::can_be_executed() const noexcept {
  void* const page = mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd_.get(), 0);
  if (page == MAP_FAILED)
    return false;
  munmap(page, 1);
  return true;
}

result<file_copy> file_copy::in_memory(unique_fd fd, std::span<const std::byte> bytes) {
  if (auto written = write_all(fd.get(), bytes); !written)
    return std::move(written.error());
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (fcntl(fd.get(), F_ADD_SEALS, seals) != 0)
    return failed(errno, "the copy of the file cannot be sealed");
  file_copy copy(std::move(fd));
  if (!copy.find_descriptor_folder())
    return failure(ENOENT,
                   "/proc is not mounted here, through which the dynamic linker opens "
                   "memory (a chroot?)");
  return copy;
}

/// Its name goes as soon as it has another path, at the latest when it is mapped.
result<file_copy> file_copy::in_folder(const std::string& folder,
                                       std::span<const std::byte> bytes) {
  std::string path = folder + "/khelp-XXXXXX";
  const unique_fd writable(mkostemp(path.data(), O_CLOEXEC));
  if (!writable)
    return failed(errno, folder);
  // For reading only: nobody holds it for writing any more.
  file_copy copy(unique_fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)));
  if (!copy.fd_) {
    const int code = errno;
    unlink(path.c_str());
    return failed(code, path);
  }
  copy.folder_ = folder;
  copy.name_ = path.substr(folder.size() + 1);
  if (auto written = write_all(writable.get(), bytes); !written)
    return std::move(written.error());
  if (fchmod(writable.get(), S_IRUSR) != 0 || !copy.can_be_executed())
    return failure(EACCES, folder + ": what lies there cannot be executed");
  if (copy.find_descriptor_folder()) {
    copy.name_.clear();
    unlink(path.c_str());
  }
  return copy;
}

result<file_copy> file_copy::in_file(std::span<const std::byte> bytes, const std::string& why) {
  std::string searched;
  const char* own = secure_getenv("XDG_RUNTIME_DIR");
  for (const char* folder : {own, "/dev/shm", "/tmp"}) {
    if (folder == nullptr || *folder != '/')
      continue;
    auto copy = in_folder(folder, bytes);
    if (copy || copy.error().code == ENOMEM)
      return copy;
    searched += "; " + copy.error().detail;
  }
  return failure(EACCES, concat("no place for a copy of the file: ", why, searched,
                                "; KHELP_LOAD=path (KHELP_LOAD_DEBUG) maps the file itself"));
}

result<file_bytes> read_whole_file(const std::string& path) {
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

  file_bytes bytes(static_cast<std::size_t>(status.st_size));
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
  bytes.shorten(filled);
  return bytes;
}

result<file_copy> seal_copy(std::span<const std::byte> bytes, const std::string& name) {
  unique_fd memory = open_memory(name);
  const std::string refused = memory ? "" : concat("memory: ", khelp_strerror(errno));
  if (!memory)
    return file_copy::in_file(bytes, refused);
  auto copy = file_copy::in_memory(std::move(memory), bytes);
  if (copy || copy.error().code != ENOENT)
    return copy;
  return file_copy::in_file(bytes, copy.error().detail);
}

}  // namespace khelp
