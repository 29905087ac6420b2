/// ticks.cpp against a second, independent writing-down of the specified algorithm: the same random
/// connections through both, everything compared after every segment.
///
/// The model follows the specification step by step and lettered as there, with plain containers.
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <random>
#include <string>

#include <khelp/tcp.h>

#include "ticks.hpp"

namespace {

using khelp::ertt::ticks;
using khelp::ertt::ticks_received;
using khelp::ertt::ticks_sent;

bool later(std::uint32_t a, std::uint32_t b) {
  return a != b && a - b < 0x80000000u;
}

/// Also what is exactly half the circle away counts as earlier, as for a signed difference.
bool earlier(std::uint32_t a, std::uint32_t b) {
  return a != b && !later(a, b);
}

struct model {
  struct record {
    std::uint32_t seq, len, tx, rx;
    bool tso, start;
  };
  std::deque<record> q;
  long in_rtt = 0, in_marked = 0;
  unsigned long cwnd = 0;
  int rtt = 0, max = 0, min = 0, dly = 0, errors = 0, marked = 0;
  bool fresh = false, progress = false, tso_off = false;

  void output(const ticks_sent& s, std::uint32_t now, std::uint32_t& t_flags) {
    if (s.len == 0)
      return;
    record r{s.seq, s.len, now, 0, s.tso, false};  // 1
    if (!s.tso && tso_off) {                       // 2
      t_flags |= KHELP_TF_TSO;
      tso_off = false;
    }
    if (progress)  // 3
      in_rtt += s.len;
    else {
      r.start = true;
      progress = true;
      in_rtt = s.len;
    }
    if (s.timestamped) {  // 4
      r.tx = s.tsval;
      r.rx = s.tsecr;
    }
    q.push_back(r);  // 5
  }

  void input(const ticks_received& s, std::uint32_t now, std::uint32_t& t_flags) {
    const auto acked = static_cast<std::int32_t>(s.ack - s.snd_una);
    const bool sacked = s.last_sack_ack != 0;
    std::uint32_t measurenext = 0;
    int measurenext_len = 0, adjust = 0;
    bool multiack = false;
    if (acked <= 0 && !sacked)
      return;
    const std::uint32_t ack = acked == 0 && sacked ? s.last_sack_ack : s.ack;

    auto postpone = [&](const record& r) {
      measurenext = r.tx;
      measurenext_len = static_cast<int>(r.len);
      adjust += static_cast<int>(r.len);
    };
    auto publish = [&] {
      cwnd = s.snd_cwnd;
      progress = false;
      fresh = true;
      if (t_flags & KHELP_TF_TSO) {
        t_flags &= ~KHELP_TF_TSO;
        tso_off = true;
      }
    };

    for (; !q.empty(); q.pop_front()) {
      record& r = q.front();
      if (later(ack, r.seq + r.len)) {  // A
        if (r.start || measurenext)
          postpone(r);
        continue;
      }
      if (!sacked) {  // B
        if (static_cast<std::uint32_t>(acked) > s.maxseg) {
          dly = dly < 5 ? dly + 1 : 5;
          multiack = true;
        } else if (static_cast<std::uint32_t>(acked) > r.len) {
          multiack = true;
          dly = dly < 5 ? dly + 1 : 5;
        } else if (static_cast<std::uint32_t>(acked) == s.maxseg ||
                   static_cast<std::uint32_t>(acked) == r.len) {
          dly = dly > 0 ? dly - 1 : 0;
        }
      }
      if (errors < 10 && s.timestamped && s.tsecr != 0) {  // C
        if (dly == 0 && earlier(s.tsecr, r.tx))
          break;
        if (later(s.tsecr, r.tx)) {
          if (r.start || measurenext)
            postpone(r);
          continue;
        }
        if (s.tsecr == r.tx && earlier(s.tsval, r.rx))
          errors++;
      }
      if (!later(ack, r.seq))  // D
        break;
      if (dly == 0 || multiack || sacked) {  // E
        rtt = static_cast<int>(now - r.tx + 1);
        if (min == 0 || rtt < min)
          min = rtt;
        if (max == 0 || rtt > max)
          max = rtt;
      }
      if (r.start || measurenext) {  // F
        marked = static_cast<int>(now - r.tx + 1);
        in_marked = in_rtt - adjust;
        publish();
      }
      if (r.tso && r.len > static_cast<std::uint32_t>(acked)) {  // G
        r.len -= static_cast<std::uint32_t>(acked);
        r.seq += static_cast<std::uint32_t>(acked);
        r.start = false;
        break;
      }
      q.pop_front();  // H
      break;
    }
    if (measurenext) {
      marked = static_cast<int>(now - measurenext + 1);
      in_marked = in_rtt + measurenext_len - adjust;
      publish();
    }
  }

  std::uint32_t flags() const {
    return (fresh ? 1u : 0u) | (progress ? 2u : 0u) | (tso_off ? 4u : 0u);
  }
};

std::string words(const ticks& t, std::uint32_t t_flags) {
  const khelp_ertt& e = t.values;
  std::string all;
  for (long value :
       {e.bytes_tx_in_rtt, e.bytes_tx_in_marked_rtt, static_cast<long>(e.marked_snd_cwnd),
        long{e.rtt}, long{e.maxrtt}, long{e.minrtt}, long{e.dlyack_rx}, long{e.timestamp_errors},
        long{e.markedpkt_rtt}, long{e.flags}, long{t.waiting}, long{t_flags}})
    all += std::to_string(value) + ' ';
  return all;
}

std::string words(const model& m, std::uint32_t t_flags) {
  std::string all;
  for (long value : {m.in_rtt, m.in_marked, static_cast<long>(m.cwnd), long{m.rtt}, long{m.max},
                     long{m.min}, long{m.dly}, long{m.errors}, long{m.marked}, long{m.flags()},
                     static_cast<long>(m.q.size()), long{t_flags}})
    all += std::to_string(value) + ' ';
  return all;
}

/// A connection that loses, repeats, reorders, delays and lies, seen through both.
class random_connection {
 public:
  explicit random_connection(unsigned seed) : random_(seed) {
    timestamps_ = chance(2);
    coarse_ = chance(3);
    lies_ = chance(3);
    una_ = max_ = chance(2) ? 0xffffff00u - below(20000) : below(0xffffffff);
    now_ = chance(2) ? 0xffffff00u - below(2000) : below(0xffffffff);
    peers_clock_ = below(0xffffffff);
    maxseg_ = 100 + below(1400);
    flags_ours_ = flags_models_ = chance(2) ? KHELP_TF_TSO : 0;
  }

  void step() {
    now_ += chance(3) ? 0 : below(60);
    peers_clock_ += below(40);
    if (chance(2))
      send();
    else
      receive();
  }

  std::string ours() const { return words(ours_, flags_ours_); }
  std::string models() const { return words(model_, flags_models_); }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool chance(std::uint32_t one_in) { return below(one_in) == 0; }
  std::uint32_t stamp() const { return coarse_ ? now_ & ~127u : now_; }

  void send() {
    ticks_sent s;
    s.len = chance(10) ? 0 : chance(2) ? maxseg_ : 1 + below(4 * maxseg_);
    s.tso = s.len > maxseg_ && !chance(5);
    s.seq = chance(6) ? una_ + below(max_ - una_ + 1) : max_;
    s.timestamped = timestamps_ && !chance(20);
    s.tsval = stamp() + (lies_ && chance(4) ? below(200) : 0);
    s.tsecr = peers_clock_ + (lies_ && chance(2) ? below(500) : 0);
    if (static_cast<std::int32_t>(s.seq + s.len - max_) > 0)
      max_ = s.seq + s.len;
    sent_[below(8)] = s.tsval;
    ours_.send(s, now_, flags_ours_);
    model_.output(s, now_, flags_models_);
  }

  void receive() {
    ticks_received s;
    s.snd_una = una_;
    switch (below(8)) {
      case 0:
        s.ack = una_;
        break;
      case 1:
        s.ack = una_ - below(3000);
        break;
      case 2:
        s.ack = max_;
        break;
      case 3:
        s.ack = una_ + below(max_ - una_ + 1);
        break;
      default:
        s.ack = una_ + std::min(max_ - una_, maxseg_ * below(4));
        break;
    }
    if (chance(5))
      s.last_sack_ack = una_ + below(max_ - una_ + 1);
    s.maxseg = maxseg_;
    s.snd_cwnd = below(100000);
    s.timestamped = timestamps_ && !chance(20);
    s.tsecr = chance(15) ? 0 : chance(10) ? now_ + below(9) : sent_[below(8)];
    s.tsval = peers_clock_;
    ours_.receive(s, now_, flags_ours_);
    model_.input(s, now_, flags_models_);
    if (static_cast<std::int32_t>(s.ack - una_) > 0)
      una_ = s.ack;
    if (chance(9)) {  // a congestion control took note
      ours_.values.flags &= ~KHELP_ERTT_NEW_MEASUREMENT;
      model_.fresh = false;
    }
  }

  std::mt19937 random_;
  bool timestamps_;
  bool coarse_;
  bool lies_;  // about what the peer's clock said, and about its own
  std::uint32_t una_, max_, now_, peers_clock_, maxseg_;
  std::uint32_t sent_[8] = {};
  std::uint32_t flags_ours_, flags_models_;
  ticks ours_;
  model model_;
};

TEST(model, conformance_48_agrees_on_every_value_after_every_segment_of_random_connections) {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    random_connection connection(seed);
    for (int i = 0; i < 300; ++i) {
      connection.step();
      ASSERT_EQ(connection.ours(), connection.models()) << "seed " << seed << ", step " << i;
    }
  }
}

}  // namespace
