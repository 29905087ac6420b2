#include "subsystem/tcp/capture/pcap_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <limits>
#include <pcap/pcap.h>
#include <stdio_ext.h>
#include <unistd.h>
#include <utility>

namespace khelp::tcp {

namespace {

constexpr int64_t second_ns = 1'000'000'000;

/// Large reads: a system call for every page of a file costs more than what is done with the page.
constexpr size_t read_size = size_t{128} * 1024;

}  // namespace

pcap_source::pcap_source(const std::string& name, pcap* handle) : name_(name), handle_(handle) {}

pcap_source::~pcap_source() {
  pcap_close(handle_);
}

/// What libpcap's standard I/O stream reads: it asks for more when it has used up what it had.
struct pcap_source::stream {
  static ssize_t read(void* self, char* to, size_t size) {
    auto& me = *static_cast<stream*>(self);
    const auto got = me.input->read({reinterpret_cast<uint8_t*>(to), size});
    if (!got) {
      errno = got.error().code;
      return -1;
    }
    me.position += static_cast<off64_t>(*got);
    return static_cast<ssize_t>(*got);
  }
  /// It only tells where it is.
  static int seek(void* self, off64_t* offset, int whence) {
    if (whence != SEEK_CUR || *offset != 0)
      return -1;
    *offset = static_cast<const stream*>(self)->position;
    return 0;
  }
  /// nullptr: no memory, or no descriptor is left. Standard I/O reads files of its own faster.
  FILE* open() {
    if (const int file = input->unread_file(); file >= 0) {
      const int own = fcntl(file, F_DUPFD_CLOEXEC, 0);
      FILE* made = own < 0 ? nullptr : fdopen(own, "rb");
      if (made == nullptr && own >= 0)
        (void)::close(own);
      return made;
    }
    cookie_io_functions_t calls{};
    calls.read = &read;
    calls.seek = &seek;
    return fopencookie(this, "rb", calls);
  }

  const std::unique_ptr<byte_input> input;
  off64_t position = 0;
};

result<std::unique_ptr<packet_source>> pcap_source::open(const std::string& name,
                                                         std::unique_ptr<byte_input> input) {
  std::unique_ptr<stream> read_from(new stream{std::move(input)});
  FILE* file = read_from->open();
  if (file == nullptr) {
    const int code = errno;
    return failure(code, name + ": " + khelp_strerror(code));
  }
  std::unique_ptr<char[]> room(new char[read_size]);
  (void)std::setvbuf(file, room.get(), _IOFBF, read_size);
  (void)__fsetlocking(file, FSETLOCKING_BYCALLER);  // this reader is the only one
  char text[PCAP_ERRBUF_SIZE] = "";
  pcap* handle = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
  if (handle == nullptr) {
    (void)std::fclose(file);
    return failure(EINVAL, name + ": " + text);
  }

  std::unique_ptr<pcap_source> source(new pcap_source(name, handle));  // takes the file along
  source->room_ = std::move(room);
  source->stream_ = std::move(read_from);
  const auto datalink = static_cast<uint32_t>(pcap_datalink(handle));
  source->link_name_ = link_name_of(datalink);
  source->link_ = link_layer_of(datalink);
  if (source->link_ == link_layer::unknown)
    return failure(ENOTSUP, name + ": frames of " + source->link_name_ + " cannot be decoded");
  return std::unique_ptr<packet_source>(std::move(source));
}

void pcap_source::on_wait(const std::function<void()>& listener) {
  stream_->input->on_wait(listener);
}

std::optional<double> pcap_source::share_read() const {
  const uint64_t size = stream_->input->size();
  if (size == 0)
    return std::nullopt;
  return std::clamp(static_cast<double>(ftello(pcap_file(handle_))) / static_cast<double>(size),
                    0.0, 1.0);
}

std::string pcap_source::position() const {
  return name_ + ": packet " + std::to_string(packets_ + 1) + ", at byte " +
         std::to_string(ftello(pcap_file(handle_)));
}

void pcap_source::warn(const std::string& text) {
  warnings_.add(position() + ": " + text);
}

/// A time stamp whose fraction is a second or more says nothing beyond its seconds.
packet_time pcap_source::time_of(int64_t seconds, int64_t nanoseconds) {
  constexpr int64_t latest_s = std::numeric_limits<int64_t>::max() / second_ns - 1;
  constexpr int64_t wrap_32 = int64_t{1} << 32;
  if (seconds < 0 && seconds >= std::numeric_limits<int32_t>::min())
    seconds += wrap_32;  // the file's field is unsigned; libpcap sign-extends it
  if (seconds < 0 || seconds > latest_s) {
    warn("its time stamp is outside the years 1970 to 2262");
    return times_.unknown();
  }
  if (nanoseconds < 0 || nanoseconds >= second_ns) {
    warn("the fraction of its time stamp is not below a second");
    const int64_t begin = seconds * second_ns;
    return times_.unknown_between(begin, begin + second_ns - 1);
  }
  return times_.at(seconds * second_ns + nanoseconds);
}

result<bool> pcap_source::next(frame& packet) {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int status = pcap_next_ex(handle_, &header, &bytes);
  if (status == PCAP_ERROR_BREAK)
    return false;
  if (status != 1)
    return failure(EIO, position() + ": " + pcap_geterr(handle_));

  if (header->caplen > header->len)
    warn("more bytes were captured than it had");
  packet.captured = {bytes, header->caplen};
  packet.length = std::max(header->len, header->caplen);
  packet.link = link_;
  const packet_time when = time_of(header->ts.tv_sec, header->ts.tv_usec);
  packet.when_ns = when.when_ns;
  packet.timed = when.known;
  ++packets_;
  return true;
}

}  // namespace khelp::tcp
