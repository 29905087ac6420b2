/// What the ertt helper lets other modules read: round-trip times of one end of a connection, in
/// ticks.
///
/// A module that depends on ertt version 1 finds this struct at the start of the helper's data:
///
///     struct khelp_ertt* e = khelp_get_osd(tp->osd, khelp_get_id("ertt"));
///
/// NULL: ertt is not loaded, or keeps nothing on this object. A tick is a millisecond of
/// khelp_clock_ticks(). Every measured time has one tick added, so that 0 means "none yet".
#ifndef KHELP_ERTT_H
#define KHELP_ERTT_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

/// Version of this interface, as MODULE_DEPEND and KHELP_DECLARE_DEPEND ask for it.
#define KHELP_ERTT_VERSION 1

/// flags.
#define KHELP_ERTT_NEW_MEASUREMENT 0x01u         /**< set by ertt, cleared by who has read it */
#define KHELP_ERTT_MEASUREMENT_IN_PROGRESS 0x02u /**< a marked segment is on its way */
#define KHELP_ERTT_TSO_DISABLED 0x04u            /**< ertt took TF_TSO off the end's t_flags */

/// The delayed-acknowledgement guess does not rise above this.
#define KHELP_ERTT_DLYACK_MAX 5
/// So many echoes that contradict the peer's clock, and timestamps match segments no longer.
#define KHELP_ERTT_MAX_TIMESTAMP_ERRORS 10
/// So many segments of one end wait for their acknowledgement; further ones are not measured
/// (E-12).
#define KHELP_ERTT_MAX_SEGMENTS 65536

/// Segments sent and not yet acknowledged. The records are the helper's own.
struct khelp_txseginfo;
struct khelp_txseginfo_head {
  struct khelp_txseginfo* tqh_first;
  struct khelp_txseginfo** tqh_last;
};

/// Round-trip times of the data one end sends. 72 bytes.
///
/// Context  read and write it inside a hook of the end, or in an object section of its slots.
/// Source   FreeBSD netinet/khelp/h_ertt.h struct ertt. The values are what that module computes
///          from the same segments, with its quirks; two fields it leaves undefined start at 0
///          (E-2).
struct khelp_ertt {
  struct khelp_txseginfo_head txsegi_q;
  long bytes_tx_in_rtt;          /**< sent since the marked segment, itself included */
  long bytes_tx_in_marked_rtt;   /**< sent in the latest marked round trip */
  unsigned long marked_snd_cwnd; /**< congestion window when it ended */
  int rtt;                       /**< latest sample, ticks */
  int maxrtt;                    /**< ticks; 0: none */
  int minrtt;                    /**< ticks; 0: none */
  int dlyack_rx;                 /**< above 0: the peer seems to delay its acknowledgements */
  int timestamp_errors;          /**< echoes that contradict the peer's clock */
  int markedpkt_rtt;             /**< round trip of the latest marked segment, ticks */
  uint32_t flags;                /**< KHELP_ERTT_... */
};
KHELP_STATIC_ASSERT(sizeof(void*) != 8 || sizeof(struct khelp_ertt) == 72,
                    "struct khelp_ertt is part of the ABI");
KHELP_STATIC_ASSERT(sizeof(void*) != 8 || (offsetof(struct khelp_ertt, bytes_tx_in_rtt) == 16 &&
                                           offsetof(struct khelp_ertt, marked_snd_cwnd) == 32 &&
                                           offsetof(struct khelp_ertt, rtt) == 40 &&
                                           offsetof(struct khelp_ertt, dlyack_rx) == 52 &&
                                           offsetof(struct khelp_ertt, flags) == 64),
                    "struct khelp_ertt is part of the ABI");

KHELP_END_DECLS

#endif
