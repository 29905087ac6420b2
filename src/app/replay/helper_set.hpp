/// The helpers of a replay: loaded, read, counted, unloaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <khelp/khelp.hpp>

#include "app/replay/replay_request.hpp"
#include "app/report/report.hpp"
#include "snapshot/helpers.hpp"

namespace khelp::app {

class helper_set {
 public:
  helper_set() = default;
  helper_set(const helper_set&) = delete;
  helper_set& operator=(const helper_set&) = delete;
  ~helper_set();

  /// Load what was asked for, dependencies included.
  ///
  /// Errors   as khelp_load(); the words name the helper. Nothing stays loaded.
  result<void> load(const helpers_request& asked);

  /// One per loaded helper, in load order; unchanged by unload().
  const std::vector<helper_schema>& schemas() const noexcept { return schemas_; }
  /// The files that are loaded now, dependencies included.
  std::vector<std::string> files() const;
  bool loaded() const noexcept { return !files_.empty(); }

  /// What each helper keeps on an object. After unload(): nothing.
  std::vector<std::optional<helper_data>> read(khelp_osd* object) const;

  /// What each helper did so far; after unload(), until then.
  std::vector<snapshot::helper_info> totals() const;

  /// Unload all, revoking their data from live objects. The last loaded goes first.
  ///
  /// Returns warnings: what could not be unloaded, or stays mapped, and why.
  std::vector<std::string> unload();

 private:
  struct member {
    std::int32_t id;
    std::uint32_t version;  ///< of its file: what a FreeBSD module says itself
    khelp_helper_description description;
  };

  void list_members(bool raw);
  helper_data read_member(std::size_t at, const void* data) const;

  std::vector<std::int32_t> files_;  ///< loaded now, in load order
  std::vector<member> members_;      ///< by schemas_; empty after unload()
  std::vector<helper_schema> schemas_;
  std::vector<snapshot::helper_info> final_totals_;
};

}  // namespace khelp::app
