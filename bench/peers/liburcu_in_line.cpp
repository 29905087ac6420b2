/// liburcu-bp with its read side compiled into the program.
#define _LGPL_SOURCE  // NOLINT(bugprone-reserved-identifier): how liburcu is asked for it
#include "peers/liburcu_point.hpp"

namespace {

constexpr const char* name = "liburcu-bp, in line";
const adds_rows liburcu{idle<liburcu_point>(name), callbacks<liburcu_point>(name),
                        two_threads<liburcu_point>(name), removal<liburcu_point>(name)};

}  // namespace
