// A helper in C++ that keeps nothing per object.
#include <khelp/khelp.hpp>

struct ask {
  int number;
};
KHELP_EVENT(ask, number);

static void see(ask&) {}
static constexpr khelp::typed_hook<void> hooks[] = {khelp::hook<see>("consumer.ask")};
static constexpr khelp_helper_x declaration = khelp::helper("stateless", 1, 0, hooks);
KHELP_MODULE(declaration);
