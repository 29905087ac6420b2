/* A helper in C, declared passively. */
#include <khelp/khelp.h>
#include <khelp/module.h>

static struct khelp_helper_x native = {
    .size = sizeof(struct khelp_helper_x),
    .version = 1,
    .name = "native",
    .classes = KHELP_HELPER_CLASS_APP,
};

KHELP_DECLARE_HELPER(native, 1, native, KHELP_HELPER_CLASS_APP, 0);
