/// A helper module in FreeBSD's style that uses each header and each identifier the stock modules
/// use, and nothing they do not: it compiles where they do. It keeps the segments an end has sent
/// until they are acknowledged.
#include <sys/cdefs.h>
__FBSDID("$every identifier$");

#include <net/vnet.h>
#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet/khelp/h_ertt.h>
#include <netinet/tcp_seq.h>
#include <netinet/tcp_var.h>
#include <sys/hhook.h>
#include <sys/kernel.h>
#include <sys/khelp.h>
#include <sys/mbuf.h>
#include <sys/module.h>
#include <sys/module_khelp.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/socketvar.h>
#include <sys/sockopt.h>
#include <vm/uma.h>

#include "freebsd_every_identifier.h"

/* External linkage, like the stock modules' (two of them must not bind to each other). */
uma_zone_t sent_zone;

static int every_in_hook(int hhook_type, int hhook_id, void* udata, void* ctx_data, void* hdata,
                         struct osd* hosd);
static int every_out_hook(int hhook_type, int hhook_id, void* udata, void* ctx_data, void* hdata,
                          struct osd* hosd);
static int every_mod_init(void);
static int every_mod_destroy(void);
static int every_ctor(void* mem, int size, void* arg, int flags);
static void every_dtor(void* mem, int size, void* arg);

struct sent {
  tcp_seq seq;
  uint32_t len;
  uint32_t when;
  uint32_t heard; /* the peer's latest timestamp when this was sent */
  uint8_t offloaded;
  TAILQ_ENTRY(sent) link;
};

struct every {
  struct every_report report;
  TAILQ_HEAD(sent_head, sent) queue;
};

struct helper every_helper = {.mod_init = every_mod_init,
                              .mod_destroy = every_mod_destroy,
                              .h_flags = HELPER_NEEDS_OSD,
                              .h_classes = HELPER_CLASS_TCP};

struct hookinfo every_hooks[] = {{.hook_type = HHOOK_TYPE_TCP,
                                  .hook_id = HHOOK_TCP_EST_IN,
                                  .hook_udata = NULL,
                                  .hook_func = &every_in_hook},
                                 {.hook_type = HHOOK_TYPE_TCP,
                                  .hook_id = HHOOK_TCP_EST_OUT,
                                  .hook_udata = NULL,
                                  .hook_func = &every_out_hook}};

static void inline forget(struct every* e, struct sent* s) {
  TAILQ_REMOVE(&e->queue, s, link);
  uma_zfree(sent_zone, s);
  e->report.waiting--;
}

static int every_out_hook(int hhook_type, int hhook_id, void* udata, void* ctx_data, void* hdata,
                          struct osd* hosd) {
  struct every* e;
  struct tcp_hhook_data* context;
  struct tcphdr* th;
  struct tcpopt* to;
  struct tcpcb* tp;
  struct sent* s;

  KASSERT(ctx_data != NULL, ("%s: type %d id %d: no context", __func__, hhook_type, hhook_id));
  KASSERT(hdata != NULL, ("%s: no data", __func__));
  e = (struct every*)hdata;
  context = ctx_data;
  tp = context->tp;
  th = context->th;
  to = context->to;
  INP_WLOCK_ASSERT(tp->t_inpcb);
  INP_WLOCK_ASSERT(tptoinpcb(tp));

  if (context->len == 0)
    return (0);
  s = uma_zalloc(sent_zone, M_NOWAIT);
  if (s == NULL)
    return (0);
  s->seq = ntohl(th->th_seq);
  s->len = context->len;
  s->offloaded = context->tso != 0;
  if ((tp->t_flags & TF_NOOPT) == 0 && (to->to_flags & TOF_TS) != 0) {
    s->when = ntohl(to->to_tsval) - tp->ts_offset;
    s->heard = ntohl(to->to_tsecr);
  } else {
    s->when = tcp_ts_getticks();
    s->heard = 0;
  }
  TAILQ_INSERT_TAIL(&e->queue, s, link);
  e->report.sent++;
  e->report.bytes += s->len;
  e->report.waiting++;
  if (s->offloaded)
    tp->t_flags &= ~TF_TSO;
  return (0);
}

static int every_in_hook(int hhook_type, int hhook_id, void* udata, void* ctx_data, void* hdata,
                         struct osd* hosd) {
  struct every* e;
  struct tcp_hhook_data* context;
  struct tcpopt* to;
  struct tcpcb* tp;
  struct sent* s;
  tcp_seq ack;
  int acked;

  KASSERT(ctx_data != NULL, ("%s: no context", __func__));
  e = hdata;
  context = ctx_data;
  tp = context->tp;
  to = context->to;
  INP_WLOCK_ASSERT(tp->t_inpcb);

  acked = context->th->th_ack - tp->snd_una;
  if (acked <= 0 && tp->sackhint.last_sack_ack == 0)
    return (0);
  ack = acked == 0 ? tp->sackhint.last_sack_ack : context->th->th_ack;
  for (s = TAILQ_FIRST(&e->queue); s != NULL; s = TAILQ_FIRST(&e->queue)) {
    if (SEQ_LEQ(ack, s->seq) || SEQ_GT(s->seq + s->len, ack))
      break;
    if ((to->to_flags & TOF_TS) != 0 && to->to_tsecr != 0 &&
        (TSTMP_LT(to->to_tsecr, s->when) || TSTMP_LT(to->to_tsval, s->heard) ||
         TSTMP_GT(to->to_tsecr, tcp_ts_getticks())))
      e->report.stale++;
    e->report.rtt = tcp_ts_getticks() - s->when + 1;
    e->report.window = tp->snd_cwnd;
    e->report.acknowledged++;
    forget(e, s);
  }
  /* As with delayed acknowledgements: more than one segment's worth. */
  if (acked > (int)tp->t_maxseg)
    tp->t_flags |= TF_TSO;
  return (0);
}

static int every_mod_init(void) {
  sent_zone = uma_zcreate(EVERY_ZONE, sizeof(struct sent), NULL, NULL, NULL, NULL, 0, 0);
  return (sent_zone == NULL ? ENOMEM : 0);
}

static int every_mod_destroy(void) {
  uma_zdestroy(sent_zone);
  return (0);
}

static int every_ctor(void* mem, int size, void* arg, int flags) {
  struct every* e;
  const uint8_t* bytes;
  uint8_t found;
  int i;

  bytes = mem;
  found = 0;
  for (i = 0; i < size; i++)
    found |= bytes[i];
  e = mem;
  e->report.was_zeroed = found == 0;
  TAILQ_INIT(&e->queue);
  return (0);
}

static void every_dtor(void* mem, int size, void* arg) {
  struct every* e;
  struct sent *next, *s;

  e = mem;
  for (s = TAILQ_FIRST(&e->queue); s != NULL; s = next) {
    next = TAILQ_NEXT(s, link);
    uma_zfree(sent_zone, s);
  }
}

KHELP_DECLARE_MOD_UMA(every, &every_helper, every_hooks, 1, sizeof(struct every), every_ctor,
                      every_dtor);
