// A program's first hook point, and a listener. README.md shows this file.
#include <cstdio>

#include <khelp/khelp.hpp>

struct request {
  const char* path;
  long bytes;
};
KHELP_EVENT(request, path, bytes);

static khelp::hook_point<request> served("web.served");

static void serve(request r) {
  served(r);  // a load and a branch until somebody listens
}

// Anybody may listen: this program, or a module it loads.
static void print(request& r) {
  std::printf("%s: %ld bytes\n", r.path, r.bytes);
}
static constexpr khelp::typed_hook<void> hooks[] = {khelp::hook<print>("web.served")};
static constexpr khelp_helper_x printer = khelp::helper("printer", 1, 0, hooks);

int main() {
  if (auto opened = served.open(); !opened) {  // before that, no hook can reach it
    std::fprintf(stderr, "%s\n", opened.error().detail.c_str());
    return 1;
  }
  serve({"/early", 512});  // nobody listens yet

  auto helper = khelp::loaded_helper::load(printer);
  serve({"/index", 1024});
  return helper ? 0 : 1;
}
