/// A line on a terminal that tells how far a long replay is.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace khelp::app {

/// "trace.pcap  [######..............]  31 %  1,234 packets"; without a share, no bar.
std::string progress_text(const std::string& file, std::optional<double> share,
                          std::uint64_t packets);

/// Redraws its line at most ten times a second, and not at all before a tenth has passed.
class progress {
 public:
  using time = std::chrono::steady_clock::time_point;

  /// terminal: nullptr shows nothing.
  progress(std::FILE* terminal, time began) : terminal_(terminal), drawn_(began) {}
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() { clear(); }

  bool due(time now) const {
    return terminal_ != nullptr && now - drawn_ >= std::chrono::milliseconds(100);
  }
  void show(time now, const std::string& text);
  /// Make room for other words.
  void clear();

 private:
  std::FILE* const terminal_;
  time drawn_;
  bool visible_ = false;
};

}  // namespace khelp::app
