/// What congestion control modules are made of, so that they compile. Nothing here runs them: no TCP of
/// this version sends. Loading one is refused in words (cc_module.h).
///
/// The types of two members have changed between releases. KHELP_FREEBSD_RELEASE says whose are
/// meant: 13, 14 (also without it) or 15, which stands for main.
#ifndef KHELP_FREEBSD_NETINET_CC_CC_H
#define KHELP_FREEBSD_NETINET_CC_CC_H

#include <khelp_names.h>
#include <netinet/tcp_var.h>
#include <sys/malloc.h>
#include <sys/param.h>
#include <sys/sockopt.h>
#include <sys/systm.h>

#ifndef KHELP_FREEBSD_RELEASE
#define KHELP_FREEBSD_RELEASE 14
#endif

#define M_CC_MEM M_TEMP

/* Kinds of acknowledgements, and congestion signals. From 0x01000000 on they are a module's own. */
enum khelp_ccsignal {
  CC_ACK = 0x0001,
  CC_DUPACK = 0x0002,
  CC_PARTIALACK = 0x0004,
  CC_SACK = 0x0008,
  CC_ECN = 0x0100,
  CC_RTO = 0x0200,
  CC_RTO_ERR = 0x0400,
  CC_NDUPACK = 0x0800
};
#define CC_SIGPRIVMASK 0xFF000000u
typedef uint32_t ccsignal_t;

/// One connection, to its algorithm.
struct cc_var {
  void* cc_data; /**< the algorithm's */
  int bytes_this_ack;
  tcp_seq curack;
  uint32_t flags; /**< CCF_... */
  int type;
  /* As main names it, and as release 14 and those before it do. */
  union {
    struct tcpcb* tp;
    union ccv_container {
      struct tcpcb* tcp;
      struct sctp_nets* sctp;
    } ccvc;
  };
  uint16_t nsegs;
  uint8_t labc;
};

#define CCF_ABC_SENTAWND 0x0001
#define CCF_CWND_LIMITED 0x0002
#define CCF_USE_LOCAL_ABC 0x0004
#define CCF_ACKNOW 0x0008
#define CCF_IPHDR_CE 0x0010
#define CCF_TCPHDR_CWR 0x0020
#define CCF_MAX_CWND 0x0040
#define CCF_CHG_MAX_CWND 0x0080
#define CCF_USR_IWND 0x0100
#define CCF_USR_IWND_INIT_NSEG 0x0200
#define CCF_HYSTART_ALLOWED 0x0400
#define CCF_HYSTART_CAN_SH_CWND 0x0800
#define CCF_HYSTART_CONS_SSTH 0x1000

#if KHELP_FREEBSD_RELEASE < 15
typedef uint16_t khelp_cc_ack_t;
#else
typedef ccsignal_t khelp_cc_ack_t;
#endif

/// An algorithm. Its functions may be NULL.
struct cc_algo {
  char name[TCP_CA_NAME_MAX];
  int (*mod_init)(void);
  int (*mod_destroy)(void);
  size_t (*cc_data_sz)(void);
#if KHELP_FREEBSD_RELEASE < 14
  int (*cb_init)(struct cc_var* ccv);
#else
  int (*cb_init)(struct cc_var* ccv, void* memory);
#endif
  void (*cb_destroy)(struct cc_var* ccv);
  void (*conn_init)(struct cc_var* ccv);
  void (*ack_received)(struct cc_var* ccv, khelp_cc_ack_t type);
  void (*cong_signal)(struct cc_var* ccv, ccsignal_t type);
  void (*post_recovery)(struct cc_var* ccv);
  void (*after_idle)(struct cc_var* ccv);
  void (*ecnpkt_handler)(struct cc_var* ccv);
  void (*newround)(struct cc_var* ccv, uint32_t round);
  void (*rttsample)(struct cc_var* ccv, uint32_t usec_rtt, uint32_t rxtcnt, uint32_t fas);
  int (*ctl_output)(struct cc_var* ccv, struct sockopt* option, void* value);
  STAILQ_ENTRY(cc_algo) entries;
  unsigned cc_refcount;
  uint8_t flags;
};

/* NewReno, on which the others fall back. No connection calls it here; a module that does is told. */
static inline void khelp_cc_runs_nothing(const char* what) {
  panic("%s: nothing here runs congestion control modules", what);
}
static inline void newreno_cc_post_recovery(struct cc_var* ccv) {
  (void)ccv;
  khelp_cc_runs_nothing(__func__);
}
static inline void newreno_cc_after_idle(struct cc_var* ccv) {
  (void)ccv;
  khelp_cc_runs_nothing(__func__);
}
static inline void newreno_cc_cong_signal(struct cc_var* ccv, ccsignal_t type) {
  (void)ccv, (void)type;
  khelp_cc_runs_nothing(__func__);
}
static inline void newreno_cc_ack_received(struct cc_var* ccv, khelp_cc_ack_t type) {
  (void)ccv, (void)type;
  khelp_cc_runs_nothing(__func__);
}

#endif
