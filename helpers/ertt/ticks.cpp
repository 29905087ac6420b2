#include "ticks.hpp"

#include <new>

#include <khelp/tcp.h>

#include "modular.hpp"
#include "record.hpp"

struct khelp_txseginfo {
  khelp_txseginfo* next;
  std::uint32_t len;
  std::uint32_t seq;
  std::uint32_t tx_ts;
  std::uint32_t rx_ts;
  bool tso;
  bool marked;
};

namespace khelp::ertt {
namespace {

static_assert(sizeof(khelp_txseginfo) <= record_size);

void append(ticks& t, khelp_txseginfo* record) {
  *t.values.txsegi_q.tqh_last = record;
  t.values.txsegi_q.tqh_last = &record->next;
  ++t.waiting;
}

void drop_head(ticks& t) {
  khelp_txseginfo_head& queue = t.values.txsegi_q;
  khelp_txseginfo* head = queue.tqh_first;
  queue.tqh_first = head->next;
  if (queue.tqh_first == nullptr)
    queue.tqh_last = &queue.tqh_first;
  --t.waiting;
  give_record(head);
}

/// One acknowledgement's way through the queue.
class walk {
 public:
  walk(ticks& t, const ticks_received& segment, std::uint32_t now, std::uint32_t& t_flags) noexcept
      : t_(t), e_(t.values), segment_(segment), now_(now), t_flags_(t_flags) {}

  void run() noexcept {
    acked_ = distance(segment_.ack, segment_.snd_una);
    sacked_ = segment_.last_sack_ack != 0;
    if (acked_ <= 0 && !sacked_)
      return;
    // An ack that moves on hides the SACK block that came with it (E-13).
    ack_ = acked_ == 0 && sacked_ ? segment_.last_sack_ack : segment_.ack;
    while (e_.txsegi_q.tqh_first != nullptr && consider(*e_.txsegi_q.tqh_first)) {
    }
    // Set by the walk and not cleared by a measurement on the way (E-6).
    if (measurenext_ != 0)
      publish(rtt_since(measurenext_), e_.bytes_tx_in_rtt + measurenext_len_ - adjust_);
  }

 private:
  /// Deal with the head of the queue; true: go on with the next one.
  bool consider(khelp_txseginfo& head) noexcept {
    if (after(ack_, head.seq + head.len)) {
      pass(head);
      return true;
    }
    if (!sacked_)
      guess_delay(head);  // once for each stale record that precedes the right one (E-8)
    if (uses_timestamps()) {
      if (e_.dlyack_rx == 0 && before(segment_.tsecr, head.tx_ts))
        return false;
      if (after(segment_.tsecr, head.tx_ts)) {  // the data was sent again later
        pass(head);
        return true;
      }
      if (segment_.tsecr == head.tx_ts && before(segment_.tsval, head.rx_ts))
        ++e_.timestamp_errors;
    }
    if (!after(ack_, head.seq))
      return false;
    take_sample(head);
    if (head.marked || measurenext_ != 0)
      publish(rtt_since(head.tx_ts), e_.bytes_tx_in_rtt - adjust_);
    if (!keep_rest(head))
      drop_head(t_);
    return false;
  }

  bool uses_timestamps() const noexcept {
    return e_.timestamp_errors < KHELP_ERTT_MAX_TIMESTAMP_ERRORS && segment_.timestamped &&
           segment_.tsecr != 0;
  }

  /// Drop a record that is not measured; the mark moves to the next one. A tx_ts of 0 loses it
  /// (E-7).
  void pass(const khelp_txseginfo& head) noexcept {
    if (head.marked || measurenext_ != 0) {
      measurenext_ = head.tx_ts;
      measurenext_len_ = static_cast<int>(head.len);
      adjust_ += measurenext_len_;
    }
    drop_head(t_);
  }

  void guess_delay(const khelp_txseginfo& head) noexcept {
    auto acked = static_cast<std::uint32_t>(acked_);
    if (acked > segment_.maxseg || acked > head.len) {
      multiack_ = true;
      if (e_.dlyack_rx < KHELP_ERTT_DLYACK_MAX)
        ++e_.dlyack_rx;
    } else if (acked == segment_.maxseg || acked == head.len) {
      if (e_.dlyack_rx > 0)
        --e_.dlyack_rx;
    }
  }

  void take_sample(const khelp_txseginfo& head) noexcept {
    if (e_.dlyack_rx != 0 && !multiack_ && !sacked_)
      return;
    e_.rtt = rtt_since(head.tx_ts);
    if (e_.rtt < e_.minrtt || e_.minrtt == 0)
      e_.minrtt = e_.rtt;
    if (e_.rtt > e_.maxrtt || e_.maxrtt == 0)
      e_.maxrtt = e_.rtt;
  }

  /// Of a super-segment, what is not acknowledged yet stays. An old ack with SACK information looks
  /// huge here and ends the record (E-10).
  bool keep_rest(khelp_txseginfo& head) const noexcept {
    auto acked = static_cast<std::uint32_t>(acked_);
    if (!head.tso || head.len <= acked)
      return false;
    head.len -= acked;
    head.seq += acked;
    head.marked = false;
    return true;
  }

  void publish(int rtt, long bytes) noexcept {
    e_.markedpkt_rtt = rtt;
    e_.bytes_tx_in_marked_rtt = bytes;
    e_.marked_snd_cwnd = segment_.snd_cwnd;
    e_.flags &= ~KHELP_ERTT_MEASUREMENT_IN_PROGRESS;
    e_.flags |= KHELP_ERTT_NEW_MEASUREMENT;
    if ((t_flags_ & KHELP_TF_TSO) != 0) {
      t_flags_ &= ~KHELP_TF_TSO;
      e_.flags |= KHELP_ERTT_TSO_DISABLED;
    }
  }

  int rtt_since(std::uint32_t tx_ts) const noexcept { return static_cast<int>(now_ - tx_ts + 1); }

  ticks& t_;
  khelp_ertt& e_;
  const ticks_received& segment_;
  const std::uint32_t now_;
  std::uint32_t& t_flags_;
  std::int32_t acked_ = 0;
  std::uint32_t ack_ = 0;
  bool sacked_ = false;
  bool multiack_ = false;
  std::uint32_t measurenext_ = 0;  // when the record sent that passed the mark on; 0: none did
  int measurenext_len_ = 0;
  int adjust_ = 0;  // bytes of all records that passed the mark on
};

}  // namespace

ticks::~ticks() {
  while (waiting != 0)
    drop_head(*this);
}

void ticks::send(const ticks_sent& segment, std::uint32_t now, std::uint32_t& t_flags) noexcept {
  if (segment.len == 0)
    return;
  void* memory = waiting < KHELP_ERTT_MAX_SEGMENTS ? take_record() : nullptr;
  if (memory == nullptr)
    return;  // also leaves TF_TSO off for one segment longer (E-4)
  auto* record = new (memory) khelp_txseginfo{};
  record->seq = segment.seq;
  record->len = segment.len;
  if (segment.tso) {
    record->tso = true;
  } else if ((values.flags & KHELP_ERTT_TSO_DISABLED) != 0) {
    t_flags |= KHELP_TF_TSO;  // whether or not the end still could (E-5)
    values.flags &= ~KHELP_ERTT_TSO_DISABLED;
  }
  if ((values.flags & KHELP_ERTT_MEASUREMENT_IN_PROGRESS) != 0) {
    values.bytes_tx_in_rtt += segment.len;
  } else {
    record->marked = true;
    values.flags |= KHELP_ERTT_MEASUREMENT_IN_PROGRESS;
    values.bytes_tx_in_rtt = segment.len;
  }
  record->tx_ts = segment.timestamped ? segment.tsval : now;
  record->rx_ts = segment.timestamped ? segment.tsecr : 0;
  append(*this, record);
}

void ticks::receive(const ticks_received& segment, std::uint32_t now,
                    std::uint32_t& t_flags) noexcept {
  walk(*this, segment, now, t_flags).run();
}

}  // namespace khelp::ertt
