#include "every_kind.h"

const struct khelp_modinfo_fields* every_kind_in_c(void) {
  return &khelp_modinfo_event_every_kind_fields.table;
}
