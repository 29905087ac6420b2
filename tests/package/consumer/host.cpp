// A program with a hook point of its own.
#include <khelp/hhook.h>

int main() {
  khelp_hhook_head* point = nullptr;
  if (khelp_hhook_head_register(KHELP_HHOOK_TYPE_APP, 0, &point, 0) != 0)
    return 1;
  khelp_hhooks_run_if(point, nullptr, nullptr);
  return khelp_hhook_head_deregister(point);
}
