/// JSON, written as it goes.
///
/// A replay may report more connections than fit in memory, and its decimals must come out digit
/// for digit; a document tree of binary floating-point numbers can do neither. Strings are escaped
/// by nlohmann-json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace khelp::app {

/// Appends to a string. The caller balances begin and end, and gives each member its key.
class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  void key(std::string_view name);
  /// Bytes that are no UTF-8 become U+FFFD.
  void text(std::string_view value);
  void number(std::uint64_t value);
  void signed_number(std::int64_t value);
  /// value * 10^-digits, digit for digit.
  void decimal(std::int64_t value, int digits);
  void boolean(bool value) { literal(value ? "true" : "false"); }
  void null() { literal("null"); }

  // A member of an object: its key and its value.

  void text(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  void text_or_null(std::string_view name, std::string_view value);  ///< "": null
  void texts(std::string_view name, const std::vector<std::string>& values);
  void number(std::string_view name, std::uint64_t value) {
    key(name);
    number(value);
  }
  void boolean(std::string_view name, bool value) {
    key(name);
    boolean(value);
  }

  /// A value that `append` appends to the text.
  template <class Append>
  void embed(Append append) {
    literal({});
    append(out_);
  }

 private:
  void open(char bracket);
  void close(char bracket);
  void literal(std::string_view value);
  void separate();

  std::string& out_;
  bool first_ = true;  ///< nothing stands before the next value in its array or object
};

}  // namespace khelp::app
