/// How a congestion control module declares itself, and what happens when it is loaded: it is refused,
/// because nothing here would run it.
#ifndef KHELP_FREEBSD_NETINET_CC_CC_MODULE_H
#define KHELP_FREEBSD_NETINET_CC_CC_MODULE_H

#include <netinet/cc/cc.h>
#include <sys/kernel.h>
#include <sys/module.h>

/// A field of the connection's control block.
#define CCV(ccv, what) ((ccv)->tp->what)

/// NewReno as a structure, as releases up to 13 have it.
static struct cc_algo newreno_cc_algo __attribute__((unused)) = {
    .name = "newreno",
    .ack_received = newreno_cc_ack_received,
    .cong_signal = newreno_cc_cong_signal,
    .post_recovery = newreno_cc_post_recovery,
    .after_idle = newreno_cc_after_idle,
};

/// MOD_LOAD is EOPNOTSUPP; mod_init is not called.
static inline int cc_modevent(module_t module, int event, void* data) {
  (void)module;
  if (event != MOD_LOAD)
    return event == MOD_QUIESCE || event == MOD_SHUTDOWN || event == MOD_UNLOAD ? 0 : EOPNOTSUPP;
  printf("congestion control module \"%s\": not loaded, nothing here would run it\n",
         ((const struct cc_algo*)data)->name);
  return EOPNOTSUPP;
}

#define DECLARE_CC_MODULE(name_, algorithm_)                                        \
  static moduledata_t cc_##name_ = {                                                \
      .name = #name_, .evhand = (modeventhand_t)cc_modevent, .priv = (algorithm_)}; \
  DECLARE_MODULE(name_, cc_##name_, SI_SUB_PROTO_IFATTACHDOMAIN, SI_ORDER_ANY)

#endif
