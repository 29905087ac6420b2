// What the files of the helper registry share.
#pragma once

#include <cerrno>
#include <string>

#include "core/helpers/helper_registry.hpp"

namespace khelp {

inline std::string quoted(const std::string& name) {
  return "helper '" + name + "'";
}

inline failure being_unloaded(const helper& h) {
  return {EALREADY, quoted(h.name) + ": is being unloaded"};
}

// A wait for its objects has taken too long; unless somebody ends it by now.
failure too_late(const helper& h) KHELP_EXCLUDES(registry_mutex);

// Somebody holds data of one of them, now that nobody decides about them any more: who it is.
failure with_holders(failure why, helper_batch batch) KHELP_EXCLUDES(registry_mutex);

failure barrier_refused(const helper& h);

// The zone is ended, and its address in the helper's declaration; or it is the caller's again.
void let_zone_go(helper& h);

// Call the helper's own last function. Once, and the end goes on whatever it answers.
void call_mod_destroy(helper& h) noexcept;

}  // namespace khelp
