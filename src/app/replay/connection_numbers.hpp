/// The numbers of live connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace khelp::app {

/// From the packet with which a connection began (flow::began_at, never 0) to its number.
///
/// A hash table that leaves packets in their order: connections that begin together, and often close
/// together, lie together.
class connection_numbers {
 public:
  connection_numbers();

  /// `began` is not in it.
  void add(std::uint64_t began, std::uint64_t number);
  /// `began` is in it.
  std::uint64_t of(std::uint64_t began) const { return entries_[find(began)].number; }
  /// `began` is in it, and no longer.
  void remove(std::uint64_t began);

  std::size_t size() const noexcept { return used_; }

 private:
  struct entry {
    std::uint64_t began = 0;  ///< 0: nothing here
    std::uint64_t number = 0;
  };

  /// Packets go round and round through the table, each time from another place on.
  std::size_t home_of(std::uint64_t began) const {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    const std::uint64_t batch = began >> bits_;
    return (began + batch * odd) & (entries_.size() - 1);
  }
  std::size_t after(std::size_t at) const { return (at + 1) & (entries_.size() - 1); }
  std::size_t find(std::uint64_t began) const;
  std::size_t distance_from_home(std::size_t at) const {
    return (at - home_of(entries_[at].began)) & (entries_.size() - 1);
  }
  void place(entry added);
  void grow();

  std::vector<entry> entries_;  // a power of two, at most half of them used
  int bits_ = 0;                // of an index
  std::size_t used_ = 0;
};

}  // namespace khelp::app
