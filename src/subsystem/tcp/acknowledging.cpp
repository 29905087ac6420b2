#include "subsystem/tcp/acknowledging.hpp"

#include "subsystem/tcp/sending.hpp"
#include "subsystem/tcp/sequence.hpp"
#include "subsystem/tcp/states.hpp"

namespace khelp::tcp {

namespace {

/// The SACK part, before snd_una moves. Blocks count by FreeBSD's conditions; last_sack_ack is the
/// end of the highest, where an ACK over a hole counts as a block (tcp_sack.c tcp_sack_doack).
uint32_t apply_sacks(end& to, const segment& seg) {
  khelp_tcpcb& block = to.block;
  const khelp_tcp_seq una = block.snd_una;
  bool any = false;
  khelp_tcp_seq highest = 0;
  if (seq_after(seg.ack, una) && !to.sacked.empty() && seq_after(to.sacked.highest().start, una)) {
    any = true;
    highest = seg.ack;
  }
  uint32_t fresh = 0;
  for (size_t i = 0; i < seg.options.sack_count; ++i) {
    const khelp_tcp_range sack = seg.options.sacks[i];
    const bool valid = seq_after(sack.end, sack.start) && seq_after(sack.start, una) &&
                       seq_after(sack.start, seg.ack) && seq_before(sack.start, block.snd_max) &&
                       seq_after(sack.end, una) && !seq_after(sack.end, block.snd_max);
    if (!valid)
      continue;
    fresh += to.sacked.add(sack.start, sack.end);
    highest = any ? seq_max(highest, sack.end) : sack.end;
    any = true;
  }
  block.sackhint.last_sack_ack = any ? highest : 0;
  block.sackhint.sacked_bytes += fresh;
  return fresh;
}

}  // namespace

acknowledgement judge_ack(end& to, const segment& seg) {
  khelp_tcpcb& block = to.block;
  acknowledgement judged;
  if (!seg.has(KHELP_TH_ACK) || seg.has(KHELP_TH_RST))
    return judged;
  if (!to.known)
    learn_numbers(to, seg.ack);
  if (seq_after(seg.ack, block.snd_max)) {
    const bool in_handshake = to.syn_seen && !established(to);
    if (in_handshake || seg.ack - block.snd_max > largest_window)
      return judged;
    to.unseen.add(block.snd_max, seg.ack);
    block.snd_max = seg.ack;
  }
  if (seq_before(seg.ack, block.snd_max - largest_window))
    return judged;
  judged.acceptable = true;
  if (seq_after(seg.ack, block.snd_una))
    judged.acked = seg.ack - block.snd_una;
  judged.sacked = apply_sacks(to, seg);
  return judged;
}

void accept_ack(end& to, khelp_tcp_seq ack) {
  khelp_tcpcb& block = to.block;
  if (!seq_after(ack, block.snd_una))
    return;
  block.snd_una = ack;
  to.unseen.remove_before(ack);
  if (!to.sacked.empty()) {
    to.sacked.remove_before(ack);
    uint32_t held = 0;
    for (size_t i = 0; i < to.sacked.size(); ++i)
      held += to.sacked[i].end - to.sacked[i].start;
    block.sackhint.sacked_bytes = held;
  }
  block.snd_fack = to.sacked.empty() ? ack : to.sacked.highest().end;
}

void note_sent_ack(end& from, const segment& seg, int64_t when_ns) {
  if (!seg.has(KHELP_TH_ACK))
    return;
  const bool pure = seg.payload == 0 && (seg.flags & (KHELP_TH_SYN | KHELP_TH_FIN)) == 0;
  if (seg.ack != from.latest_ack)
    from.duplicate_acks = 0;
  else if (pure)
    ++from.duplicate_acks;
  from.latest_ack = seg.ack;
  from.latest_ack_ns = when_ns;
}

}  // namespace khelp::tcp
