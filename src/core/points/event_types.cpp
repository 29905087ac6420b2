#include "core/points/event_types.hpp"

#include <cerrno>
#include <unordered_map>

#include <khelp/module.h>

#include "base/cold_call.hpp"
#include "sync/publication.hpp"

namespace khelp {
namespace {

std::unordered_map<std::string, std::uint64_t>& types() {
  static auto* known = new std::unordered_map<std::string, std::uint64_t>;
  return *known;
}

}  // namespace

result<void> declare_event(const std::string& name, std::uint64_t fingerprint) {
  lock_guard held(registry_mutex);
  const auto [known, fresh] = types().emplace(name, fingerprint);
  if (!fresh && known->second != fingerprint)
    return failure(EEXIST, "event '" + name + "': declared with another layout");
  return {};
}

std::uint64_t event_fingerprint(const std::string& name) {
  lock_guard held(registry_mutex);
  const auto known = types().find(name);
  return known == types().end() ? 0 : known->second;
}

}  // namespace khelp

extern "C" int khelp_event_declare(const char* name, uint64_t fingerprint) {
  return khelp::cold_call([&] { return khelp::declare_event(name, fingerprint); });
}

extern "C" uint64_t khelp_event_fingerprint(const char* name) {
  std::uint64_t fingerprint = 0;
  khelp::cold_call([&]() -> khelp::result<void> {
    fingerprint = khelp::event_fingerprint(name);
    return {};
  });
  return fingerprint;
}
