/// What happens at the point of scale_helpers and its modules.
#pragma once

#include <khelp/khelp.hpp>

struct scale_event {
  long number;
};
KHELP_EVENT(scale_event, number);
