/// liburcu-bp as a library calls it: its read side out of line.
#include "peers/liburcu_point.hpp"

namespace {

constexpr const char* name = "liburcu-bp, out of line";
const adds_rows liburcu{idle<liburcu_point>(name), callbacks<liburcu_point>(name),
                        two_threads<liburcu_point>(name), removal<liburcu_point>(name)};

}  // namespace
