#include "app/khelp/output.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>
#include <utility>

namespace khelp::app {
namespace {

std::string temporary_folder() {
  if (const char* wanted = ::getenv("TMPDIR"); wanted != nullptr && *wanted != '\0')  // NOLINT
    return wanted;
  return ::access("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : "/tmp";
}

}  // namespace

result<output> output::open(const std::string& file) {
  constexpr int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
  constexpr mode_t mode = 0666;
  int descriptor = ::open(file.c_str(), flags | O_EXCL, mode);
  const bool made = descriptor >= 0;
  if (!made && errno == EEXIST)
    descriptor = ::open(file.c_str(), flags, mode);
  std::FILE* opened = descriptor >= 0 ? ::fdopen(descriptor, "w") : nullptr;
  if (opened == nullptr) {
    const int error = errno;
    if (descriptor >= 0)
      ::close(descriptor);
    return failure(error, fmt::format("cannot write {}: {}", file, khelp_strerror(error)));
  }
  output ready(opened, file, true);
  ready.unbegun_ = made;
  return ready;
}

output output::standard_output() {
  return output(stdout, "standard output", false);
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
  std::FILE* opened = ::fdopen(descriptor, "w+");
  if (opened == nullptr) {
    ::close(descriptor);
    return failure(ENOMEM, "no memory for a temporary file");
  }
  output ready(opened, "the temporary file in " + folder + advice, true);
  // All of it is read back: a system call for each of its pages would be felt.
  constexpr std::size_t piece = std::size_t{64} * 1024;
  ready.room_ = std::make_unique_for_overwrite<char[]>(piece);
  (void)std::setvbuf(opened, ready.room_.get(), _IOFBF, piece);
  return ready;
}

output::output(output&& other) noexcept {
  swap(other);
}

output& output::operator=(output&& other) noexcept {
  swap(other);
  return *this;
}

output::~output() {
  if (owned_)
    (void)std::fclose(file_);
  if (unbegun_)
    (void)::unlink(name_.c_str());
}

result<void> output::begin() {
  unbegun_ = false;
  if (identity() && ::ftruncate(::fileno(file_), 0) != 0) {
    error_ = errno;
    return why();
  }
  return {};
}

void output::write(std::string_view text) noexcept {
  if (error_ != 0 || text.empty())
    return;
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size())
    error_ = errno;
}

result<void> output::flush() {
  if (error_ == 0 && std::fflush(file_) != 0)
    error_ = errno;
  if (error_ != 0)
    return why();
  return {};
}

result<void> output::copy_to(output& other) {
  if (auto flushed = flush(); !flushed)
    return flushed;
  std::rewind(file_);
  std::array<char, std::size_t{64} * 1024> piece;
  while (!other.failed()) {
    const std::size_t got = std::fread(piece.data(), 1, piece.size(), file_);
    if (got == 0)
      break;
    other.write({piece.data(), got});
  }
  if (std::ferror(file_) != 0) {
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
  std::swap(file_, other.file_);
  std::swap(name_, other.name_);
  std::swap(owned_, other.owned_);
  std::swap(unbegun_, other.unbegun_);
  std::swap(error_, other.error_);
}

}  // namespace khelp::app
