/// The two TCP hook points and the structs that their hooks read.
///
/// The TCP subsystem feeds them from captures. It watches connections from outside and keeps, for both
/// ends of each connection, the control block that the end's own kernel would have kept, as far as
/// packets tell. Every segment is seen twice: as sent (EST_OUT, at the end that sends it), then as
/// received (EST_IN, at the other end). Field names are FreeBSD's, so that helpers written for its
/// stack find what they read.
///
/// Any other stack may feed them, too: a user-space TCP, a simulator, a proxy that sees segments. It
/// registers the points (KHELP_HHOOK_TYPE_TCP, with KHELP_TCP_HHOOK_DATA_FIELDS as fingerprint), gives
/// each control block its slots with khelp_init_osd(KHELP_HELPER_CLASS_TCP, …), and runs the points
/// where it sends and takes segments. docs/embed.md shows lwIP. One program has one feeder of a point.
///
/// What helpers may rely on, whoever feeds the points:
///   always     tp, th, to, size, when_ns, seq, ack, payload, flags, window, tsval, tsecr; tp->osd,
///              t_inpcb (addresses, ports, inp_vflag), t_state, t_maxseg, snd_una, snd_nxt, rcv_nxt,
///              snd_wnd, rcv_wnd; the byte orders below; to->to_flags says which options there are.
///   or zero    t_peer, iss, irs, snd_max, snd_fack, snd_cwnd, snd_scale, rcv_scale, t_mss_sent,
///              ts_recent, sackhint, snd_ssthresh, snd_recover, inp_vlan, inp_instance; resent, acked, sacked, nsacks, capture,
///              packet: a stack that does not know one leaves it 0 (NULL), and a helper must do
///              without.
///   its own    t_osd, and TF_TSO in t_flags, which helpers may change.
/// ertt and count need what is always there; ertt uses resent, sacked, sacks, snd_cwnd and sackhint where
/// they are set.
///
/// EST_OUT  runs for each segment but RSTs, in any state.
///          th (ports, th_seq, th_ack, th_win, th_urp) and to (to_tsval, to_tsecr) are in network
///          order. len: payload bytes, without SYN and FIN. tso: the payload exceeds t_maxseg.
/// EST_IN   runs for each acceptable ACK that is neither SYN nor RST, at an end in ESTABLISHED or
///          later, before snd_una moves.
///          th and to are in host order. len and tso: 0.
///
/// Fields of struct khelp_tcp_hhook_data from `when_ns` on mean the same at both points and are in
/// host order.
#ifndef KHELP_TCP_H
#define KHELP_TCP_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>
#include <khelp/hhook.h>
#include <khelp/module.h>
#include <khelp/osd.h>

KHELP_BEGIN_DECLS

/// A sequence number: compare by signed 32-bit difference only.
typedef uint32_t khelp_tcp_seq;

/// States of an end, as far as an observer can tell. Source: FreeBSD netinet/tcp_fsm.h.
enum khelp_tcp_state {
  KHELP_TCPS_CLOSED = 0,
  KHELP_TCPS_LISTEN = 1,
  KHELP_TCPS_SYN_SENT = 2,
  KHELP_TCPS_SYN_RECEIVED = 3,
  KHELP_TCPS_ESTABLISHED = 4,
  KHELP_TCPS_CLOSE_WAIT = 5,
  KHELP_TCPS_FIN_WAIT_1 = 6,
  KHELP_TCPS_CLOSING = 7,
  KHELP_TCPS_LAST_ACK = 8,
  KHELP_TCPS_FIN_WAIT_2 = 9,
  KHELP_TCPS_TIME_WAIT = 10
};

/// Flags of a segment (th_flags).
#define KHELP_TH_FIN 0x01
#define KHELP_TH_SYN 0x02
#define KHELP_TH_RST 0x04
#define KHELP_TH_PUSH 0x08
#define KHELP_TH_ACK 0x10
#define KHELP_TH_URG 0x20
#define KHELP_TH_ECE 0x40
#define KHELP_TH_CWR 0x80

/// Flags of an end (t_flags). Source: FreeBSD netinet/tcp_var.h.
#define KHELP_TF_NOOPT 0x00000008u       /**< uses no options; the subsystem never sets it */
#define KHELP_TF_RCVD_SCALE 0x00000040u  /**< the peer announced a window scale */
#define KHELP_TF_RCVD_TSTMP 0x00000100u  /**< the peer sends timestamps */
#define KHELP_TF_SACK_PERMIT 0x00000200u /**< SACK was permitted, or a SACK block was seen */
#define KHELP_TF_TSO 0x01000000u         /**< sends super-segments; helpers may clear and set it */

/// Which options a segment carries (to_flags). Source: FreeBSD netinet/tcp_var.h.
#define KHELP_TOF_MSS 0x0001u
#define KHELP_TOF_SCALE 0x0002u
#define KHELP_TOF_SACKPERM 0x0004u
#define KHELP_TOF_TS 0x0010u
#define KHELP_TOF_SIGNATURE 0x0040u
#define KHELP_TOF_SACK 0x0080u
#define KHELP_TOF_FASTOPEN 0x0100u

/// Address families (inp_vflag).
#define KHELP_INP_IPV4 0x1
#define KHELP_INP_IPV6 0x2

/// An end's addresses and ports. Ports are in network order, as upstream; an IPv4 address is the first 4 bytes.
struct khelp_inpcb {
  uint8_t inp_laddr[16];
  uint8_t inp_faddr[16];
  uint16_t inp_lport;
  uint16_t inp_fport;
  uint8_t inp_vflag; /**< KHELP_INP_IPV4 or KHELP_INP_IPV6 */
  uint8_t inp_spare;
  uint16_t inp_vlan;     /**< outermost VLAN id of this end's latest segment; 0: untagged */
  uint32_t inp_instance; /**< the instance the connection was seen in; 0: the default */
};

/// What selective acknowledgements tell an end.
struct khelp_sackhint {
  /// End of the highest valid SACK block of the segment at hand, or its ACK if that moves over a
  /// hole; 0: the segment has neither. Set for each segment before EST_IN runs.
  khelp_tcp_seq last_sack_ack;
  uint32_t sacked_bytes; /**< bytes above snd_una that the peer holds */
};

/// One end of a connection: what its kernel's control block would say, in host order.
///
/// Source   FreeBSD netinet/tcp_var.h struct tcpcb (names). What packets do not tell is estimated:
///          t_maxseg: the MSS the peer announced, less 12 with timestamps; without a SYN what an
///          Ethernet would allow. (Not the smaller of both: ends send more than they announce,
///          where a box on the way clamps one direction.) snd_cwnd: bytes in flight, at least one
///          segment.
struct khelp_tcpcb {
  struct khelp_inpcb* t_inpcb;
  struct khelp_osd* osd;      /**< the end's slots: &t_osd */
  struct khelp_tcpcb* t_peer; /**< the other end (libkhelp's) */
  uint32_t t_maxseg;
  uint32_t t_flags;       /**< KHELP_TF_... */
  int32_t t_state;        /**< enum khelp_tcp_state */
  khelp_tcp_seq iss;      /**< initial sequence number; mid-stream: the first one seen */
  khelp_tcp_seq irs;      /**< the peer's */
  khelp_tcp_seq snd_una;  /**< first byte the peer has not acknowledged */
  khelp_tcp_seq snd_nxt;  /**< end of the latest segment */
  khelp_tcp_seq snd_max;  /**< highest end of any segment, or ACK of one the capture missed */
  khelp_tcp_seq snd_fack; /**< highest byte acknowledged, selectively or not */
  khelp_tcp_seq rcv_nxt;  /**< what this end acknowledged last; before that, from the peer's SYN */
  uint32_t snd_wnd;       /**< the peer's window, scaled when its scale is known */
  uint32_t rcv_wnd;       /**< the window this end announced, scaled likewise */
  uint32_t snd_cwnd;
  uint8_t snd_scale;   /**< the peer's announced shift, 0..14 */
  uint8_t rcv_scale;   /**< this end's */
  uint16_t t_mss_sent; /**< the MSS this end announced; 0: none seen (libkhelp's) */
  uint32_t ts_offset;  /**< always 0: the timestamps hooks see are observer's time already */
  uint32_t ts_recent;  /**< the peer's latest TSval, as on the wire */
  struct khelp_sackhint sackhint;
  struct khelp_osd t_osd;
  /* A sender's own, for congestion control modules; an observer leaves them 0. */
  uint32_t snd_ssthresh;
  khelp_tcp_seq snd_recover;
};

/// A TCP header. Byte order: by point, see above. th_x2 and th_off as on the wire.
struct khelp_tcphdr {
  uint16_t th_sport;
  uint16_t th_dport;
  khelp_tcp_seq th_seq;
  khelp_tcp_seq th_ack;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  unsigned int th_x2 : 4, th_off : 4;
#else
  unsigned int th_off : 4, th_x2 : 4;
#endif
  uint8_t th_flags;
  uint16_t th_win;
  uint16_t th_sum; /**< as on the wire, never checked */
  uint16_t th_urp;
};
KHELP_STATIC_ASSERT(sizeof(struct khelp_tcphdr) == 20 &&
                        offsetof(struct khelp_tcphdr, th_flags) == 13,
                    "struct khelp_tcphdr is laid out as on the wire");

/// A segment's options. Byte order of to_tsval and to_tsecr: by point, see above; the rest is in
/// host order.
///
/// to_tsval and to_tsecr are observer's time in milliseconds (khelp_clock_ticks()), since helpers
/// subtract them from it: a TSval stands for the millisecond in which the capture first showed it.
/// An echo of a TSval the capture has not shown is 0 at EST_IN (no usable echo) and the
/// connection's first millisecond at EST_OUT. What the wire said is in struct khelp_tcp_hhook_data.
struct khelp_tcpopt {
  uint32_t to_flags; /**< KHELP_TOF_... */
  uint32_t to_tsval;
  uint32_t to_tsecr;
  uint16_t to_mss;
  uint8_t to_wscale;
  uint8_t to_nsacks;
  const uint8_t* to_sacks; /**< to_nsacks blocks as on the wire, 8 bytes each; NULL: none */
};

/// A block of sequence space: start up to, not including, end.
struct khelp_tcp_range {
  khelp_tcp_seq start;
  khelp_tcp_seq end;
};
#define KHELP_TCP_MAX_SACKS 4

/// What both points pass as ctx_data. Borrowed: valid during the call.
///
/// Shape    the first 40 bytes are FreeBSD's struct tcp_hhook_data. curack: the segment's ACK in
///          host order. The object (hosd) is the end's slots: tp->osd.
/// Context  the thread that follows the connection, one of several that a replay may have; its clock
///          (clock.h) stands at when_ns, or where it stood before if that is not known: whoever measures
///          time leaves such a segment out. Hooks may change TF_TSO in
///          tp->t_flags; everything else is the subsystem's.
/// Source   FreeBSD netinet/tcp_var.h, and its call sites in tcp_input.c and tcp_output.c. There
///          EST_IN leaves len, tso and curack undefined (here: 0, 0, set), and pure in-sequence
///          data skips the point.
struct khelp_tcp_hhook_data {
  struct khelp_tcpcb* tp;
  struct khelp_tcphdr* th;
  struct khelp_tcpopt* to;
  uint32_t len;
  int32_t tso;
  khelp_tcp_seq curack;
  uint32_t size; /**< sizeof(struct khelp_tcp_hhook_data): it may grow */

  int64_t when_ns;   /**< capture time, nanoseconds since 1970; 0: it is not known */
  khelp_tcp_seq seq; /**< of the first payload byte: behind a SYN */
  khelp_tcp_seq ack; /**< 0 without KHELP_TH_ACK */
  uint32_t payload;  /**< bytes, by the IP header's length: independent of the snap length */
  uint32_t resent;   /**< how many of them the capture had shown before */
  uint32_t tsval;    /**< as on the wire; KHELP_TOF_TS in to->to_flags says whether there are any */
  uint32_t tsecr;
  uint32_t acked;   /**< sequence numbers newly acknowledged (SYN and FIN count one each) */
  uint32_t sacked;  /**< bytes newly acknowledged by SACK blocks only */
  uint16_t window;  /**< unscaled */
  uint8_t flags;    /**< KHELP_TH_... */
  uint8_t nsacks;   /**< valid entries of sacks, in the order of the wire, D-SACK included */
  uint32_t capture; /**< which capture of the replay, from 0 */
  uint64_t packet;  /**< which packet of that capture, from 1 */
  struct khelp_tcp_range sacks[KHELP_TCP_MAX_SACKS];
};
KHELP_STATIC_ASSERT(offsetof(struct khelp_tcp_hhook_data, len) == 24 &&
                        offsetof(struct khelp_tcp_hhook_data, tso) == 28 &&
                        offsetof(struct khelp_tcp_hhook_data, curack) == 32 &&
                        offsetof(struct khelp_tcp_hhook_data, when_ns) == 40,
                    "struct khelp_tcp_hhook_data begins with FreeBSD's");

/// The layouts that modules are compiled against; the loader refuses a module that saw others.
#define KHELP_TCP_HHOOK_DATA_FIELDS                                                              \
  tp, th, to, len, tso, curack, when_ns, seq, ack, payload, tsval, acked, window, flags, packet, \
      sacks
KHELP_EVENT_RECORD(khelp_tcp_hhook_data, struct khelp_tcp_hhook_data, KHELP_TCP_HHOOK_DATA_FIELDS);
#define KHELP_TCPCB_FIELDS                                                                        \
  t_inpcb, osd, t_peer, t_maxseg, t_flags, t_state, snd_una, snd_max, rcv_nxt, snd_wnd, snd_cwnd, \
      t_mss_sent, ts_offset, ts_recent, sackhint, t_osd
KHELP_EVENT_RECORD(khelp_tcpcb, struct khelp_tcpcb, KHELP_TCPCB_FIELDS);

KHELP_END_DECLS

#endif
