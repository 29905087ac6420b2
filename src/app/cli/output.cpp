#include "app/cli/output.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>
#include <utility>

namespace khelp::app {
namespace {

constexpr std::size_t usual_room = 4096;
constexpr std::size_t piece_size = std::size_t{64} * 1024;

std::string temporary_folder() {
  if (const char* wanted = ::getenv("TMPDIR"); wanted != nullptr && *wanted != '\0')  // NOLINT
    return wanted;
  return ::access("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : "/tmp";
}

}  // namespace

output::output(int descriptor, std::string name, bool owned, std::size_t room)
    : room_(std::make_unique_for_overwrite<char[]>(room)),
      room_size_(room),
      descriptor_(descriptor),
      name_(std::move(name)),
      owned_(owned),
      by_line_(::isatty(descriptor) != 0) {}

result<output> output::open(const std::string& file) {
  constexpr int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
  constexpr mode_t mode = 0666;
  int descriptor = ::open(file.c_str(), flags | O_EXCL, mode);
  const bool made = descriptor >= 0;
  if (!made && errno == EEXIST)
    descriptor = ::open(file.c_str(), flags, mode);
  if (descriptor < 0) {
    const int error = errno;
    return failure(error, fmt::format("cannot write {}: {}", file, khelp_strerror(error)));
  }
  output ready(descriptor, file, true, usual_room);
  ready.unbegun_ = made;
  return ready;
}

output output::standard_output() {
  return output(STDOUT_FILENO, "standard output", false, usual_room);
}

result<output> output::temporary() {
  constexpr const char* advice = " (TMPDIR can name another folder)";
  const std::string folder = temporary_folder();
  std::string name = folder + "/khelp-XXXXXX";
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    return failure(error, fmt::format("cannot make a temporary file in {}{}: {}", folder, advice,
                                      khelp_strerror(error)));
  }
  (void)::unlink(name.c_str());
  // All of it is read back: a system call for each of its pages would be felt.
  return output(descriptor, "the temporary file in " + folder + advice, true, piece_size);
}

output::output(output&& other) noexcept {
  swap(other);
}

output& output::operator=(output&& other) noexcept {
  swap(other);
  return *this;
}

output::~output() {
  write_held();
  if (owned_ && descriptor_ >= 0)
    (void)::close(descriptor_);
  if (unbegun_)
    (void)::unlink(name_.c_str());
}

result<void> output::begin() {
  unbegun_ = false;
  if (identity() && ::ftruncate(descriptor_, 0) != 0) {
    error_ = errno;
    return why();
  }
  return {};
}

void output::write(std::string_view text) noexcept {
  if (error_ != 0 || text.empty())
    return;
  if (text.size() > room_size_ - held_)
    write_held();
  if (text.size() > room_size_) {
    write_through(text);
    return;
  }
  std::copy(text.begin(), text.end(), room_.get() + held_);
  held_ += text.size();
  if (by_line_ && text.find('\n') != std::string_view::npos)
    write_held();
}

void output::write_held() noexcept {
  write_through({room_.get(), std::exchange(held_, 0)});
}

void output::write_through(std::string_view text) noexcept {
  while (error_ == 0 && !text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      error_ = errno;
  }
}

result<void> output::flush() {
  write_held();
  if (error_ != 0)
    return why();
  return {};
}

result<void> output::copy_to(output& other) {
  if (auto flushed = flush(); !flushed)
    return flushed;
  std::array<char, piece_size> piece;
  ssize_t got = ::lseek(descriptor_, 0, SEEK_SET);
  while (got >= 0 && !other.failed()) {
    got = ::read(descriptor_, piece.data(), piece.size());
    if (got == 0)
      break;
    if (got > 0)
      other.write({piece.data(), static_cast<std::size_t>(got)});
  }
  if (got < 0) {
    error_ = errno;
    return failure(error_, fmt::format("cannot read {} back: {}", name_, khelp_strerror(error_)));
  }
  return {};
}

failure output::why() const {
  return failure(error_, fmt::format("cannot write {}: {}", name_, khelp_strerror(error_)));
}

void output::swap(output& other) noexcept {
  std::swap(room_, other.room_);
  std::swap(room_size_, other.room_size_);
  std::swap(held_, other.held_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(name_, other.name_);
  std::swap(owned_, other.owned_);
  std::swap(by_line_, other.by_line_);
  std::swap(unbegun_, other.unbegun_);
  std::swap(error_, other.error_);
}

}  // namespace khelp::app
