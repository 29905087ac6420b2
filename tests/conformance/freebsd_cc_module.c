/// A congestion control module in FreeBSD's style that uses each header and each name that the stock
/// ones (vegas, hd, chd, cdg) use, as releases 13, 14 and 15 spell them: it compiles where they do. It
/// does nothing sensible, and nothing runs it.
#include <sys/cdefs.h>
__FBSDID("$congestion control$");

// clang-format off: the kernel's order.
#include <net/route.h>
#include <net/route/nhop.h>
#include <net/vnet.h>
#include <netinet/cc/cc.h>
#include <netinet/cc/cc_module.h>
#include <netinet/in_pcb.h>
#include <netinet/khelp/h_ertt.h>
#include <netinet/tcp.h>
#include <netinet/tcp_seq.h>
#include <netinet/tcp_timer.h>
#include <netinet/tcp_var.h>
#include <sys/hhook.h>
#include <sys/kernel.h>
#include <sys/khelp.h>
#include <sys/limits.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/param.h>
#include <sys/prng.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/sysctl.h>
#include <sys/systm.h>
#include <vm/uma.h>
// clang-format on

#define CC_MINE_DELAY 0x01000000 /* a signal of the module's own */

#if KHELP_FREEBSD_RELEASE < 14
#define CB_INIT_ARGUMENTS struct cc_var* ccv
#define GIVEN NULL
#define SLOTS(ccv) CCV(ccv, osd)
#else
#define CB_INIT_ARGUMENTS struct cc_var *ccv, void *given
#define GIVEN given
#define SLOTS(ccv) (&CCV(ccv, t_osd))
#endif
#if KHELP_FREEBSD_RELEASE < 15
#define ACK_TYPE uint16_t
#define SIGNAL_TYPE uint32_t
#define CONNECTION(ccv) ((ccv)->ccvc.tcp)
#else
#define ACK_TYPE ccsignal_t
#define SIGNAL_TYPE ccsignal_t
#define CONNECTION(ccv) ((ccv)->tp)
#endif

struct sample {
  long qdiff;
  STAILQ_ENTRY(sample) link;
};

struct mine {
  uint32_t shadow;
  int toggle;
  STAILQ_HEAD(sample_head, sample) samples;
};

static uma_zone_t sample_zone;
static int32_t ertt_id;
static MALLOC_DEFINE(M_MINE, "cc_mine", "connections of a test");

VNET_DEFINE_STATIC(uint32_t, mine_alpha) = 1;
VNET_DEFINE_STATIC(uint32_t, mine_beta);
#define V_mine_alpha VNET(mine_alpha)
#define V_mine_beta VNET(mine_beta)

static int mine_mod_init(void);
static int mine_mod_destroy(void);
static int mine_cb_init(CB_INIT_ARGUMENTS);
static void mine_cb_destroy(struct cc_var* ccv);
static void mine_conn_init(struct cc_var* ccv);
static void mine_ack_received(struct cc_var* ccv, ACK_TYPE ack_type);
static void mine_cong_signal(struct cc_var* ccv, SIGNAL_TYPE signal_type);
static size_t mine_data_sz(void);

struct cc_algo mine_cc_algo = {
    .name = "mine",
    .mod_init = mine_mod_init,
    .ack_received = mine_ack_received,
    .cb_destroy = mine_cb_destroy,
    .cb_init = mine_cb_init,
    .conn_init = mine_conn_init,
    .cong_signal = mine_cong_signal,
    .mod_destroy = mine_mod_destroy,
    .cc_data_sz = mine_data_sz,
    .post_recovery = newreno_cc_post_recovery,
    .after_idle = newreno_cc_after_idle,
};

static void mine_init_vnet(const void* unused __unused) {
  V_mine_beta = 50;
}

static int mine_mod_init(void) {
  VNET_ITERATOR_DECL(v);

  ertt_id = khelp_get_id("ertt");
  if (ertt_id <= 0) {
    printf("%s: h_ertt module not found\n", __func__);
    return (ENOENT);
  }
  sample_zone = uma_zcreate("mine_sample", sizeof(struct sample), NULL, NULL, NULL, NULL, 0, 0);
  VNET_LIST_RLOCK();
  VNET_FOREACH(v) {
    CURVNET_SET(v);
    mine_init_vnet(NULL);
    CURVNET_RESTORE();
  }
  VNET_LIST_RUNLOCK();
  mine_cc_algo.after_idle = newreno_cc_algo.after_idle;
  mine_cc_algo.post_recovery = newreno_cc_algo.post_recovery;
  return (0);
}

static int mine_mod_destroy(void) {
  uma_zdestroy(sample_zone);
  return (0);
}

static size_t mine_data_sz(void) {
  return (sizeof(struct mine));
}

static int mine_cb_init(CB_INIT_ARGUMENTS) {
  struct mine* mine = GIVEN;

  INP_WLOCK_ASSERT(tptoinpcb(CONNECTION(ccv)));
  if (mine == NULL)
    mine = malloc(sizeof(struct mine), M_MINE, M_NOWAIT | M_ZERO);
  if (mine == NULL)
    return (ENOMEM);
  free(malloc(8, M_CC_MEM, M_NOWAIT), M_CC_MEM);
  STAILQ_INIT(&mine->samples);
  ccv->cc_data = mine;
  return (0);
}

static void mine_cb_destroy(struct cc_var* ccv) {
  struct mine* mine = ccv->cc_data;
  struct sample* sample;

  while ((sample = STAILQ_FIRST(&mine->samples)) != NULL) {
    STAILQ_REMOVE_HEAD(&mine->samples, link);
    uma_zfree(sample_zone, sample);
  }
  free(mine, M_MINE);
}

static void mine_conn_init(struct cc_var* ccv) {
  struct mine* mine = ccv->cc_data;

  mine->shadow = CCV(ccv, snd_cwnd);
  mine->toggle = INT_MAX;
}

static inline uint32_t mine_window_decrease(struct cc_var* ccv, unsigned long window,
                                            unsigned int beta) {
  return ((ulmin(CCV(ccv, snd_wnd), window) * beta) / 100);
}

static void mine_cong_signal(struct cc_var* ccv, SIGNAL_TYPE signal_type) {
  struct mine* mine = ccv->cc_data;

  switch ((int)signal_type) {
    case CC_MINE_DELAY:
      CCV(ccv, snd_ssthresh) = mine_window_decrease(ccv, CCV(ccv, snd_cwnd), V_mine_beta);
      CCV(ccv, snd_cwnd) = CCV(ccv, snd_ssthresh);
      CCV(ccv, snd_recover) = CCV(ccv, snd_max);
      ENTER_CONGRECOVERY(CCV(ccv, t_flags));
      break;
    case CC_NDUPACK:
      if (IN_CONGRECOVERY(CCV(ccv, t_flags)) || IN_FASTRECOVERY(CCV(ccv, t_flags)))
        mine->shadow = max(mine->shadow, 2 * CCV(ccv, t_maxseg));
      ENTER_FASTRECOVERY(CCV(ccv, t_flags));
      ENTER_RECOVERY(CCV(ccv, t_flags));
      break;
    case CC_RTO:
    case CC_RTO_ERR:
      EXIT_RECOVERY(CCV(ccv, t_flags));
      /* FALLTHROUGH */
    default:
      newreno_cc_cong_signal(ccv, signal_type);
      newreno_cc_algo.cong_signal(ccv, CC_ECN);
      break;
  }
}

static void mine_ack_received(struct cc_var* ccv, ACK_TYPE ack_type) {
  struct mine* mine = ccv->cc_data;
  struct ertt* e_t = khelp_get_osd(SLOTS(ccv), ertt_id);
  int incr = 0, new_measurement = e_t->flags & ERTT_NEW_MEASUREMENT;
  long qdly = lmax(imax(e_t->rtt, 0), lmin(e_t->maxrtt, imin(e_t->minrtt, 1)));

  if (new_measurement && !IN_RECOVERY(CCV(ccv, t_flags))) {
    if ((unsigned long)random() < ulmax(prng32(), prng32_bounded(7)) &&
        qdly * (long)CCV(ccv, t_maxseg) > (long)e_t->marked_snd_cwnd)
      mine_cong_signal(ccv, CC_MINE_DELAY);
    e_t->flags &= ~ERTT_NEW_MEASUREMENT;
    mine->toggle = e_t->bytes_tx_in_marked_rtt / (e_t->markedpkt_rtt + 1);
  }
  if (CCV(ccv, snd_cwnd) <= CCV(ccv, snd_ssthresh) && V_tcp_do_rfc3465) {
    if (CCV(ccv, snd_nxt) == CCV(ccv, snd_max))
      incr = min(ccv->bytes_this_ack, V_tcp_abc_l_var * CCV(ccv, t_maxseg));
  } else if (ccv->flags & CCF_ABC_SENTAWND) {
    ccv->flags &= ~CCF_ABC_SENTAWND;
    incr = CCV(ccv, t_maxseg) * V_mine_alpha;
  }
  CCV(ccv, snd_cwnd) = min(CCV(ccv, snd_cwnd) + incr, TCP_MAXWIN << CCV(ccv, snd_scale));
  if (ack_type == CC_ACK && SEQ_GT(ccv->curack, CCV(ccv, snd_una)))
    newreno_cc_ack_received(ccv, ack_type);
  newreno_cc_algo.ack_received(ccv, CC_DUPACK);
}

static int mine_alpha_handler(SYSCTL_HANDLER_ARGS) {
  int error;
  uint32_t new;

  new = *(uint32_t*)arg1;
  error = sysctl_handle_int(oidp, &new, 0, req);
  if (error == 0 && req->newptr != NULL) {
    if (new == 0 || new > 100 || arg2 == 0)
      error = EINVAL;
    else
      *(uint32_t*)arg1 = new;
  }
  return (error);
}

VNET_SYSINIT(mine_init_vnet, SI_SUB_PROTO_BEGIN, SI_ORDER_FIRST, mine_init_vnet, NULL);

SYSCTL_DECL(_net_inet_tcp_cc_mine);
SYSCTL_NODE(_net_inet_tcp_cc, OID_AUTO, mine, CTLFLAG_RW | CTLFLAG_MPSAFE, NULL, "of a test");
SYSCTL_STRING(_net_inet_tcp_cc_mine, OID_AUTO, version, CTLFLAG_RD, "0.1", sizeof("0.1") - 1,
              "which");
SYSCTL_PROC(_net_inet_tcp_cc_mine, OID_AUTO, alpha,
            CTLFLAG_VNET | CTLTYPE_UINT | CTLFLAG_RW | CTLFLAG_NEEDGIANT, &VNET_NAME(mine_alpha), 1,
            &mine_alpha_handler, "IU", "first");
SYSCTL_UINT(_net_inet_tcp_cc_mine, OID_AUTO, beta, CTLFLAG_VNET | CTLFLAG_RW, &VNET_NAME(mine_beta),
            3, "second");

DECLARE_CC_MODULE(mine, &mine_cc_algo);
MODULE_VERSION(mine, 2);
MODULE_DEPEND(mine, ertt, 1, 1, 1);
