/// How the modules of freebsd_kld_module.c talk to their test, freebsd_kld_test.c.
#ifndef KHELP_TESTS_FREEBSD_KLD_MODULE_H
#define KHELP_TESTS_FREEBSD_KLD_MODULE_H

/// Defined by the test: hears of every event, and answers for the module.
int kld_test_event(const char* module, int event);

/// Exported by each file: the name of its module.
extern const char kld_test_name[16];

#endif
