/// What the helper "ertt" keeps on each end of a connection, for other modules to read by
/// khelp_get_osd(). Times are in milliseconds.
#ifndef KHELP_FREEBSD_NETINET_KHELP_H_ERTT_H
#define KHELP_FREEBSD_NETINET_KHELP_H_ERTT_H

#include <sys/param.h>

#define ERTT_NEW_MEASUREMENT 0x01         /**< markedpkt_rtt is new; whoever uses it clears this */
#define ERTT_MEASUREMENT_IN_PROGRESS 0x02 /**< a marked segment is under way */
#define ERTT_TSO_DISABLED 0x04            /**< for one segment, so that it can be measured */

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
_Static_assert(sizeof(struct ertt) == 72 && offsetof(struct ertt, bytes_tx_in_rtt) == 16 &&
                   offsetof(struct ertt, rtt) == 40 && offsetof(struct ertt, minrtt) == 48 &&
                   offsetof(struct ertt, markedpkt_rtt) == 60 && offsetof(struct ertt, flags) == 64,
               "struct ertt is laid out as FreeBSD's");

#endif
