/// What the helper "ertt" keeps on each end of a connection, for other modules to read by
/// khelp_get_osd(). Times are in milliseconds. The contract's struct khelp_ertt, with the name the
/// stock module gives it (and which the module macro needs for the module, so it cannot be
/// renamed).
#ifndef KHELP_FREEBSD_NETINET_KHELP_H_ERTT_H
#define KHELP_FREEBSD_NETINET_KHELP_H_ERTT_H

#include <khelp_names.h>
#include <sys/param.h>

#include <khelp/ertt.h>

#define ERTT_NEW_MEASUREMENT KHELP_ERTT_NEW_MEASUREMENT
#define ERTT_MEASUREMENT_IN_PROGRESS KHELP_ERTT_MEASUREMENT_IN_PROGRESS
#define ERTT_TSO_DISABLED KHELP_ERTT_TSO_DISABLED

struct txseginfo;

struct ertt {
  TAILQ_HEAD(txseginfo_head, txseginfo) txsegi_q; /**< segments sent and not acknowledged */
  long bytes_tx_in_rtt;                           /**< since the marked segment went out */
  long bytes_tx_in_marked_rtt;                    /**< the same, of the last complete measurement */
  unsigned long marked_snd_cwnd;                  /**< window at that time */
  int rtt;                                        /**< the latest; 0: none yet, like the next two */
  int maxrtt;
  int minrtt;
  int dlyack_rx;        /**< 0..5: how sure it is that the peer delays its ACKs */
  int timestamp_errors; /**< from 10 on the peer's timestamps are not trusted */
  int markedpkt_rtt;    /**< of the marked segment */
  uint32_t flags;       /**< ERTT_... */
};

#define KHELP_ERTT_SAME(field)                                                       \
  _Static_assert(offsetof(struct ertt, field) == offsetof(struct khelp_ertt, field), \
                 "struct ertt is struct khelp_ertt")
_Static_assert(sizeof(struct ertt) == sizeof(struct khelp_ertt),
               "struct ertt is struct khelp_ertt");
KHELP_ERTT_SAME(bytes_tx_in_rtt);
KHELP_ERTT_SAME(bytes_tx_in_marked_rtt);
KHELP_ERTT_SAME(marked_snd_cwnd);
KHELP_ERTT_SAME(rtt);
KHELP_ERTT_SAME(maxrtt);
KHELP_ERTT_SAME(minrtt);
KHELP_ERTT_SAME(dlyack_rx);
KHELP_ERTT_SAME(timestamp_errors);
KHELP_ERTT_SAME(markedpkt_rtt);
KHELP_ERTT_SAME(flags);
#undef KHELP_ERTT_SAME

#endif
