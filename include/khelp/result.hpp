/// result<T>: a value or a failure (an errno for programs, words for people).
#ifndef KHELP_RESULT_HPP
#define KHELP_RESULT_HPP

#include <cerrno>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include <khelp/error.h>

namespace khelp {

/// Why something was refused. `code` is an errno value, `detail` the words, made where the cause is
/// known.
struct [[nodiscard]] failure {
  int code = EINVAL;
  std::string detail;

  failure(int code_, std::string detail_) : code(code_), detail(std::move(detail_)) {}
  /// No words: the code's own. Does not allocate for ENOMEM.
  explicit failure(int code_) : code(code_) {
    if (code_ != ENOMEM)
      detail = khelp_strerror(code_);
  }
};

/// A T, or the failure that prevented it. Names as in std::expected.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  result(failure error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  failure& error() & { return *std::get_if<1>(&state_); }
  const failure& error() const& { return *std::get_if<1>(&state_); }
  failure&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, failure> state_;
};

/// Done, or the failure that prevented it.
template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(failure error)
      : failed_(true), error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return !failed_; }
  failure& error() & { return error_; }
  const failure& error() const& { return error_; }
  failure&& error() && { return std::move(error_); }

 private:
  bool failed_ = false;
  failure error_{0, std::string()};
};

/// The bridge to the C face: 0 or the errno.
template <class T>
int to_errno(const result<T>& r) {
  return r ? 0 : r.error().code;
}

}  // namespace khelp

#endif
