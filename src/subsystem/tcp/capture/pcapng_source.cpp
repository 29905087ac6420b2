#include "subsystem/tcp/capture/pcapng_source.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace khelp::tcp {

namespace {

__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

constexpr int64_t second_ns = 1'000'000'000;

enum block_type : uint32_t {
  block_interface = 1,
  block_obsolete_packet = 2,
  block_simple_packet = 3,
  block_names = 4,
  block_statistics = 5,
  block_enhanced_packet = 6,
  block_journal = 9,
  block_secrets = 10,
  block_section = 0x0a0d0d0a,
  block_darwin_process = 0x80000001,
};

constexpr size_t head_size = 8;  // type and length
constexpr size_t tail_size = 4;  // the length again

/// Larger ones are taken for damage, as libpcap and Wireshark take them.
constexpr uint32_t largest_block = 16 * 1024 * 1024;

constexpr uint32_t order_magic = 0x1a2b3c4d;
constexpr uint8_t section_type_bytes[] = {0x0a, 0x0d, 0x0d, 0x0a};  // in either order

uint32_t load(std::span<const uint8_t> bytes, size_t at, bool big_endian) {
  uint32_t value = 0;
  std::memcpy(&value, &bytes[at], sizeof value);
  return big_endian == (std::endian::native == std::endian::big) ? value : __builtin_bswap32(value);
}

/// 10^exponent; 0: that is beyond 64 bits.
uint64_t power_of_ten(unsigned exponent) {
  if (exponent > 19)
    return 0;
  uint64_t power = 1;
  while (exponent-- > 0)
    power *= 10;
  return power;
}

}  // namespace

/// A block's list of options. It ends where its block does, at an end mark, or where an option is
/// longer than what is left: is_damaged() then.
class pcapng_source::options {
 public:
  options(const pcapng_source& source, std::span<const uint8_t> rest)
      : source_(source), rest_(rest) {}

  bool next() {
    if (rest_.empty())
      return false;
    if (rest_.size() < 4)
      return fail();
    code = source_.u16(rest_, 0);
    const size_t size = source_.u16(rest_, 2);
    if (code == 0)
      return false;
    const size_t padded = (size + 3) & ~size_t{3};
    if (padded > rest_.size() - 4)
      return fail();
    value = rest_.subspan(4, size);
    rest_ = rest_.subspan(4 + padded);
    return true;
  }
  bool is_damaged() const { return damaged_; }

  uint16_t code = 0;
  std::span<const uint8_t> value;

 private:
  bool fail() {
    damaged_ = true;
    return false;
  }

  const pcapng_source& source_;
  std::span<const uint8_t> rest_;
  bool damaged_ = false;
};

// ---- opening

bool pcapng_source::begins_with(std::span<const uint8_t> bytes) {
  return bytes.size() >= sizeof section_type_bytes &&
         std::equal(std::begin(section_type_bytes), std::end(section_type_bytes), bytes.begin());
}

result<std::unique_ptr<packet_source>> pcapng_source::open(const std::string& name,
                                                           std::unique_ptr<byte_input> input) {
  std::unique_ptr<pcapng_source> source(new pcapng_source(name, std::move(input)));
  block header{};
  auto found = source->next_block(header);
  if (found && (!*found || header.type != block_section))
    return failure(EINVAL, name + ": it does not begin with a section header");
  result<void> begun = found ? source->begin_section(header) : std::move(found).error();
  if (!begun) {
    const int code = begun.error().code;
    return failure(code == EIO ? EINVAL : code, begun.error().detail);
  }
  source->delivered_ = header.size;
  return std::unique_ptr<packet_source>(std::move(source));
}

// ---- blocks

uint16_t pcapng_source::u16(std::span<const uint8_t> bytes, size_t at) const {
  return static_cast<uint16_t>(big_endian_ ? bytes[at] << 8 | bytes[at + 1]
                                           : bytes[at + 1] << 8 | bytes[at]);
}

uint32_t pcapng_source::u32(std::span<const uint8_t> bytes, size_t at) const {
  return load(bytes, at, big_endian_);
}

std::string pcapng_source::position() const {
  return name_ + ": packet " + std::to_string(packets_ + 1) + ", at byte " +
         std::to_string(blocks_.position());
}

failure pcapng_source::damaged(const std::string& text) const {
  return {EIO, position() + ": " + text};
}

/// The window begins with it then. false: there is none.
result<bool> pcapng_source::next_block(block& found) {
  constexpr auto cut = "the capture ends within a block";
  blocks_.skip(std::exchange(delivered_, 0));
  auto held = blocks_.hold(head_size);
  if (held && !*held) {
    if (blocks_.window().empty())
      return false;
    return damaged(cut);
  }
  if (held && begins_with(blocks_.window())) {
    // Its byte order stands after the length that is written in it.
    held = blocks_.hold(head_size + 4);
    if (held && !*held)
      return damaged(cut);
    if (held) {
      big_endian_ = load(blocks_.window(), head_size, true) == order_magic;
      if (u32(blocks_.window(), head_size) != order_magic)
        return damaged("the byte order of a section is not known");
    }
  }
  if (!held)
    return failure(held.error().code, position() + ": " + held.error().detail);

  found.type = u32(blocks_.window(), 0);
  found.size = u32(blocks_.window(), 4);
  if (found.size < head_size + tail_size || found.size % 4 != 0 || found.size > largest_block)
    return damaged("a block cannot have a length of " + std::to_string(found.size));
  held = blocks_.hold(found.size);
  if (!held)
    return failure(held.error().code, position() + ": " + held.error().detail);
  if (!*held)
    return damaged(cut);
  const auto whole = blocks_.window().first(found.size);
  if (u32(whole, found.size - tail_size) != found.size)
    return damaged("the two lengths of a block differ");
  found.body = whole.subspan(head_size, found.size - head_size - tail_size);
  return true;
}

result<void> pcapng_source::begin_section(const block& header) {
  constexpr size_t fixed = 16;  // byte order, version, length of the section
  if (header.body.size() < fixed)
    return damaged("a section header is too short");
  const uint16_t major = u16(header.body, 4);
  if (major != 1)
    return damaged("pcapng version " + std::to_string(major) + " is not known");
  interfaces_.clear();
  return {};
}

result<void> pcapng_source::add_interface(const block& description) {
  constexpr size_t fixed = 8;
  if (description.body.size() < fixed)
    return damaged("an interface description is too short");
  interface added {};
  added.link_type = u16(description.body, 0);
  added.link = link_layer_of(added.link_type);
  added.snap_length = u32(description.body, 4);
  added.time = clock{};

  constexpr uint16_t resolution = 9;
  constexpr uint16_t offset = 14;
  options all(*this, description.body.subspan(fixed));
  while (all.next()) {
    if (all.code == resolution && !all.value.empty()) {
      added.time.set_resolution(all.value[0]);
    } else if (all.code == offset && all.value.size() >= 8) {
      const uint64_t first = u32(all.value, 0);
      const uint64_t second = u32(all.value, 4);
      added.time.offset_s =
          static_cast<int64_t>(big_endian_ ? first << 32 | second : second << 32 | first);
    }
  }
  if (all.is_damaged())
    return damaged("an option of an interface is longer than its block");
  interfaces_.push_back(added);
  return {};
}

// ---- packets

result<bool> pcapng_source::next(frame& packet) {
  auto found = next_packet(packet);
  if (packets_ == 0)  // nor will there be any
    std::for_each(interfaces_.begin(), interfaces_.end(), [this](auto& each) { name_link(each); });
  if (found && !*found && packets_ != 0 && unknown_links_ == packets_)
    return failure(ENOTSUP, name_ + ": frames of " + link_name_ + " cannot be decoded");
  return found;
}

result<bool> pcapng_source::next_packet(frame& packet) {
  for (;;) {
    block found{};
    auto more = next_block(found);
    if (!more || !*more)
      return more;
    auto taken = take(found, packet);
    if (!taken)
      return taken;
    delivered_ = found.size;
    if (*taken)
      return true;
  }
}

/// true: it held a packet.
result<bool> pcapng_source::take(const block& found, frame& packet) {
  const auto done = [](result<void> outcome) -> result<bool> {
    if (!outcome)
      return std::move(outcome).error();
    return false;
  };
  switch (found.type) {
    case block_enhanced_packet:
    case block_obsolete_packet:
      return take_stamped(found, packet);
    case block_simple_packet:
      return take_simple(found, packet);
    case block_section:
      return done(begin_section(found));
    case block_interface:
      return done(add_interface(found));
    case block_names:
    case block_statistics:
    case block_journal:
    case block_secrets:
    case block_darwin_process:
      return false;
    default:
      ++skipped_blocks_;
      return false;
  }
}

/// Enhanced packet blocks and obsolete ones, which number the interface in half the room.
result<bool> pcapng_source::take_stamped(const block& found, frame& packet) {
  constexpr size_t fixed = 20;
  if (found.body.size() < fixed)
    return damaged("a packet block is too short");
  const uint32_t number =
      found.type == block_obsolete_packet ? u16(found.body, 0) : u32(found.body, 0);
  const uint32_t captured = u32(found.body, 12);
  if (captured > found.body.size() - fixed)
    return damaged("more bytes were captured than its block holds");
  const uint64_t stamp = static_cast<uint64_t>(u32(found.body, 4)) << 32 | u32(found.body, 8);
  return deliver(number, found.body.subspan(fixed, captured), u32(found.body, 16), stamp, packet);
}

/// Of the section's first interface, whose snapshot length says what was captured.
result<bool> pcapng_source::take_simple(const block& found, frame& packet) {
  constexpr size_t fixed = 4;
  if (found.body.size() < fixed)
    return damaged("a packet block is too short");
  const uint32_t length = u32(found.body, 0);
  size_t captured = std::min<size_t>(length, found.body.size() - fixed);
  if (!interfaces_.empty() && interfaces_[0].snap_length != 0)
    captured = std::min<size_t>(captured, interfaces_[0].snap_length);
  return deliver(0, found.body.subspan(fixed, captured), length, std::nullopt, packet);
}

result<bool> pcapng_source::deliver(size_t number, std::span<const uint8_t> captured,
                                    uint32_t length, std::optional<uint64_t> stamp, frame& packet) {
  if (number >= interfaces_.size())
    return damaged("interface " + std::to_string(number) + " was not described");
  interface& from = interfaces_[number];
  if (!from.named)
    name_link(from);
  if (captured.size() > length)
    warnings_.add(position() + ": more bytes were captured than it had");
  packet.captured = captured;
  packet.length = std::max(length, static_cast<uint32_t>(captured.size()));
  packet.link = from.link;
  const packet_time when = time_of(from, stamp);
  packet.when_ns = when.when_ns;
  packet.timed = when.known;
  unknown_links_ += from.link == link_layer::unknown;
  ++packets_;
  return true;
}

/// At its first packet: an interface that none came from says nothing of what was read.
void pcapng_source::name_link(interface& from) {
  constexpr size_t longest = 200;
  from.named = true;
  if (link_name_.size() > longest)
    return;
  const std::string name = link_name_of(from.link_type);
  const std::string all = ", " + link_name_ + ", ";
  if (all.find(", " + name + ", ") == std::string::npos)
    link_name_ += (link_name_.empty() ? "" : ", ") + name;
}

// ---- time

/// The highest bit chooses between powers of two and of ten.
void pcapng_source::clock::set_resolution(uint8_t stated) {
  exponent = stated & 0x7f;
  if ((stated & 0x80) != 0) {
    what = unit::power_of_two;
  } else if (exponent <= 9) {
    what = unit::multiple_of_ns;
    factor = power_of_ten(9 - exponent);
  } else {
    what = unit::fraction_of_ns;
    factor = power_of_ten(exponent - 9);
  }
}

std::optional<int64_t> pcapng_source::clock::nanoseconds(uint64_t units) const {
  int128 ns = 0;
  switch (what) {
    case unit::multiple_of_ns:
      ns = static_cast<int128>(uint128{units} * factor);
      break;
    case unit::fraction_of_ns:
      ns = factor == 0 ? 0 : units / factor;
      break;
    case unit::power_of_two: {
      const uint64_t seconds = exponent < 64 ? units >> exponent : 0;
      const uint64_t rest = exponent < 64 ? units - (seconds << exponent) : units;
      ns = static_cast<int128>(uint128{seconds} * second_ns +
                               (uint128{rest} * second_ns >> exponent));
      break;
    }
  }
  ns += int128{offset_s} * second_ns;
  if (ns < 0 || ns > std::numeric_limits<int64_t>::max())
    return std::nullopt;
  return static_cast<int64_t>(ns);
}

packet_time pcapng_source::time_of(const interface& from, std::optional<uint64_t> stamp) {
  if (!stamp)
    return times_.unknown();
  const auto ns = from.time.nanoseconds(*stamp);
  if (!ns) {
    warnings_.add(position() + ": its time stamp is outside the years 1970 to 2262");
    return times_.unknown();
  }
  return times_.at(*ns);
}

std::optional<double> pcapng_source::share_read() const {
  const uint64_t size = blocks_.input().size();
  if (size == 0)
    return std::nullopt;
  return std::clamp(static_cast<double>(blocks_.position()) / static_cast<double>(size), 0.0, 1.0);
}

}  // namespace khelp::tcp
