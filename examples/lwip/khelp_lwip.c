/* lwIP feeds the TCP points (khelp/tcp.h): helpers such as ertt measure its connections. Not one line of
 * lwIP is changed. */
#include "khelp_lwip.h"

#include <stdlib.h>
#include <string.h>

#include <khelp/clock.h>
#include <khelp/khelp.h>
#include <khelp/point.h>
#include <khelp/tcp.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"

KHELP_POINT_AT(in_point, "lwip.tcp.est_in", KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_IN, 0,
               khelp_tcp_hhook_data, KHELP_TCP_HHOOK_DATA_FIELDS);
KHELP_POINT_AT(out_point, "lwip.tcp.est_out", KHELP_HHOOK_TYPE_TCP, KHELP_HHOOK_TCP_EST_OUT, 0,
               khelp_tcp_hhook_data, KHELP_TCP_HHOOK_DATA_FIELDS);

/* One of lwIP's connections, as helpers see it. */
struct end {
  struct khelp_tcpcb tcb;
  struct khelp_inpcb inp;
};
static uint8_t ext_arg; /* where lwIP keeps it for us */

static void end_goes(u8_t id, void* data) {
  struct end* e = data;
  (void)id;
  if (e != NULL) {
    khelp_destroy_osd(&e->tcb.t_osd);
    free(e);
  }
}
static const struct tcp_ext_arg_callbacks callbacks = {end_goes, NULL};

int khelp_lwip_open(void) {
  ext_arg = tcp_ext_arg_alloc_id();
  return khelp_points_open();
}

struct khelp_osd* khelp_lwip_slots(const struct tcp_pcb* pcb) {
  struct end* e = tcp_ext_arg_get(pcb, ext_arg);
  return e == NULL ? NULL : &e->tcb.t_osd;
}

/* Made with the connection's first segment. NULL: no memory; the connection goes unseen. */
static struct end* end_of(struct tcp_pcb* pcb) {
  struct end* e = tcp_ext_arg_get(pcb, ext_arg);
  if (e != NULL || (e = calloc(1, sizeof *e)) == NULL)
    return e;
  if (khelp_init_osd(KHELP_HELPER_CLASS_TCP, &e->tcb.t_osd) != 0) {
    free(e);
    return NULL;
  }
  e->tcb.t_inpcb = &e->inp;
  e->tcb.osd = &e->tcb.t_osd;
  tcp_ext_arg_set_callbacks(pcb, ext_arg, &callbacks);
  tcp_ext_arg_set(pcb, ext_arg, e);
  return e;
}

/* lwIP's control block in FreeBSD's words. */
static struct khelp_tcpcb* brought_up_to_date(struct end* e, const struct tcp_pcb* pcb) {
  static const int8_t states[] = {
      KHELP_TCPS_CLOSED,      KHELP_TCPS_LISTEN,     KHELP_TCPS_SYN_SENT,   KHELP_TCPS_SYN_RECEIVED,
      KHELP_TCPS_ESTABLISHED, KHELP_TCPS_FIN_WAIT_1, KHELP_TCPS_FIN_WAIT_2, KHELP_TCPS_CLOSE_WAIT,
      KHELP_TCPS_CLOSING,     KHELP_TCPS_LAST_ACK,   KHELP_TCPS_TIME_WAIT};
  struct khelp_tcpcb* t = &e->tcb;
  memcpy(e->inp.inp_laddr, ip_2_ip4(&pcb->local_ip), 4);
  memcpy(e->inp.inp_faddr, ip_2_ip4(&pcb->remote_ip), 4);
  e->inp.inp_lport = lwip_htons(pcb->local_port);
  e->inp.inp_fport = lwip_htons(pcb->remote_port);
  e->inp.inp_vflag = KHELP_INP_IPV4;
  t->t_state = states[pcb->state];
  t->t_maxseg = pcb->mss;
  t->t_flags &= KHELP_TF_TSO; /* the helpers' */
  if ((pcb->flags & TF_TIMESTAMP) != 0)
    t->t_flags |= KHELP_TF_RCVD_TSTMP;
  t->snd_una = pcb->lastack;
  t->snd_nxt = pcb->snd_nxt;
  t->rcv_nxt = pcb->rcv_nxt;
  t->snd_wnd = pcb->snd_wnd;
  t->rcv_wnd = pcb->rcv_wnd;
  t->snd_cwnd = pcb->cwnd;
  return t;
}

/* Options lie in two pieces where a pbuf ends between them. */
static void find_timestamps(struct khelp_tcpopt* to, const uint8_t* first, unsigned first_length,
                            const uint8_t* second, unsigned length) {
  uint8_t all[40];
  unsigned i = 0;
  memset(to, 0, sizeof *to);
  length = length < sizeof all ? length : sizeof all;
  first_length = first_length < length ? first_length : length;
  memcpy(all, first, first_length);
  if (length > first_length)
    memcpy(all + first_length, second, length - first_length);
  while (i < length && all[i] != 0) {
    const unsigned size = all[i] == 1 ? 1 : i + 1 < length ? all[i + 1] : 0;
    if (size == 0 || i + size > length)
      return;
    if (all[i] == 8 && size == 10) {
      to->to_flags |= KHELP_TOF_TS;
      memcpy(&to->to_tsval, all + i + 2, 4);
      memcpy(&to->to_tsecr, all + i + 6, 4);
    }
    i += size;
  }
}

/* EST_IN: acceptable acknowledgements, before lwIP looks at them. lwIP has turned the header into host
 * order already. */
signed char khelp_lwip_in(struct tcp_pcb* pcb, struct tcp_hdr* header, uint16_t options_length,
                          uint16_t first_length, uint8_t* second_part, struct pbuf* p) {
  struct khelp_tcp_hhook_data d = {.size = sizeof d};
  struct khelp_tcphdr th = {0};
  struct khelp_tcpopt to;
  struct end* e;
  const uint8_t flags = TCPH_FLAGS(header);
  if (!khelp_hhooks_enabled(&in_point.head) || pcb->state < ESTABLISHED ||
      (flags & (TCP_ACK | TCP_SYN | TCP_RST)) != TCP_ACK ||
      !TCP_SEQ_BETWEEN(header->ackno, pcb->lastack, pcb->snd_nxt) || (e = end_of(pcb)) == NULL)
    return ERR_OK;
  find_timestamps(&to, (const uint8_t*)(header + 1), first_length, second_part, options_length);
  to.to_tsval = lwip_ntohl(to.to_tsval);
  to.to_tsecr = lwip_ntohl(to.to_tsecr);
  th.th_sport = header->src;
  th.th_dport = header->dest;
  th.th_seq = header->seqno;
  th.th_ack = d.ack = d.curack = header->ackno;
  th.th_flags = d.flags = flags;
  th.th_win = d.window = header->wnd;
  th.th_off = (unsigned)(5 + options_length / 4) & 15;
  d.tp = brought_up_to_date(e, pcb);
  d.th = &th;
  d.to = &to;
  d.when_ns = khelp_clock_ns();
  d.seq = header->seqno;
  d.payload = p->tot_len;
  d.tsval = to.to_tsval;
  d.tsecr = to.to_tsecr;
  d.acked = header->ackno - pcb->lastack;
  khelp_hhook_run_hooks(&in_point.head, &d, &e->tcb.t_osd);
  return ERR_OK;
}

/* EST_OUT: every segment but RSTs, with the header in network order. */
uint32_t* khelp_lwip_out(struct pbuf* p, struct tcp_hdr* header, const struct tcp_pcb* pcb,
                         uint32_t* options) {
  struct khelp_tcp_hhook_data d = {.size = sizeof d};
  struct khelp_tcphdr th;
  struct khelp_tcpopt to;
  struct end* e;
  const uint8_t* const first = (const uint8_t*)(header + 1);
  const unsigned options_length = (unsigned)((const uint8_t*)options - first);
  const uint8_t flags = TCPH_FLAGS(header);
  if (!khelp_hhooks_enabled(&out_point.head) || pcb == NULL || pcb->state == LISTEN ||
      (flags & TCP_RST) != 0 || (e = end_of((struct tcp_pcb*)pcb)) == NULL)
    return options;
  find_timestamps(&to, first, options_length, NULL, options_length);
  memcpy(&th, header, sizeof th);
  d.tp = brought_up_to_date(e, pcb);
  d.th = &th;
  d.to = &to;
  d.len = d.payload = p->tot_len - 4u * TCPH_HDRLEN(header);
  d.ack = d.curack = (flags & TCP_ACK) != 0 ? lwip_ntohl(header->ackno) : 0;
  d.when_ns = khelp_clock_ns();
  d.seq = lwip_ntohl(header->seqno) + ((flags & TCP_SYN) != 0 ? 1 : 0);
  d.resent = pcb->nrtx != 0 ? d.payload : 0;
  d.tsval = lwip_ntohl(to.to_tsval);
  d.tsecr = lwip_ntohl(to.to_tsecr);
  d.window = lwip_ntohs(header->wnd);
  d.flags = flags;
  khelp_hhook_run_hooks(&out_point.head, &d, &e->tcb.t_osd);
  return options;
}
