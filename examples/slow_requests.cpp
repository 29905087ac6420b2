// A server exports a point; a helper that finds slow requests joins while it runs, and leaves
// again.
#include <cstdio>

#include <khelp/khelp.hpp>

// ---- the server: an event, a point, objects that helpers may keep data on ----

struct request {
  const char* path;
  long microseconds;
};
KHELP_EVENT(request, path, microseconds);

constexpr std::uint32_t connection_class = KHELP_HELPER_CLASS_APP;
static khelp::hook_point<request> served("server.served");

struct connection {
  khelp::object_slots slots;
};

static void serve(connection& c, const char* path, long microseconds) {
  request r{path, microseconds};
  served(r, c.slots);  // a load and a branch until somebody listens
}

// ---- the helper: a state per connection, made and ended by the framework ----

struct slowest {
  long microseconds = 0;
  ~slowest() { std::printf("slowest request of a connection: %ld us\n", microseconds); }
};

static void note(request& r, slowest& state) {
  if (r.microseconds > state.microseconds)
    state.microseconds = r.microseconds;
}

static constexpr khelp::typed_hook<slowest> hooks[] = {khelp::hook<&note>("server.served")};
static constexpr khelp_helper_x finder = khelp::helper("slowest", 1, connection_class, hooks);

int main() {
  connection c;
  if (!served.open() || !c.slots.open(connection_class))
    return 1;
  serve(c, "/before", 900);  // nobody listens

  auto helper = khelp::loaded_helper::load(finder);
  if (!helper) {
    std::fprintf(stderr, "%s\n", helper.error().detail.c_str());
    return 1;
  }
  serve(c, "/index", 120);  // this connection is older than the helper: it is adopted here
  serve(c, "/search", 450);
  const auto busy = helper->unload();
  std::printf("unload: %s\n", busy.error().detail.c_str());  // the connection holds its data

  return helper->unload(KHELP_UNLOAD_REVOKE) ? 0 : 1;
}
