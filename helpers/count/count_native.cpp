/// The helper of count.c in C++: its hooks take the point's event and the helper's state by
/// reference, and it reports what it counted. docs/write-a-helper.md walks through both.
#include <khelp/khelp.hpp>
#include <khelp/tcp.hpp>

namespace {

/// One per end of a connection. The framework constructs and destroys it.
struct count {
  std::uint64_t received = 0;  // acknowledgements that came in
  std::uint64_t sent = 0;      // segments that went out
};

void received(khelp_tcp_hhook_data&, count& c) {
  ++c.received;
}
void sent(khelp_tcp_hhook_data&, count& c) {
  ++c.sent;
}

constexpr khelp::typed_hook<count> hooks[] = {
    khelp::hook<received>(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN),
    khelp::hook<sent>(KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_OUT),
};

constexpr khelp_field fields[] = {
    {"received", "", "acknowledgements that came in", KHELP_FIELD_COUNT, KHELP_FIELD_IN_TABLE},
    {"sent", "", "segments that went out", KHELP_FIELD_COUNT, KHELP_FIELD_IN_TABLE},
};

void report(const void* data, khelp_value* values) {
  const auto& c = *static_cast<const count*>(data);
  values[0] = {static_cast<std::int64_t>(c.received), 1, 0};
  values[1] = {static_cast<std::int64_t>(c.sent), 1, 0};
}

constexpr khelp_helper_x declaration() {
  auto x = khelp::helper("count_native", 1, KHELP_HELPER_CLASS_TCP, hooks);
  x.fields = fields;
  x.nfields = std::size(fields);
  x.report = report;
  return x;
}

constexpr khelp_helper_x helper = declaration();

}  // namespace

KHELP_MODULE(helper);
