#include "subsystem/tcp/pcap_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace khelp::tcp {

namespace {

constexpr int64_t second_ns = 1'000'000'000;
constexpr size_t most_remarks = 8;

/// Large reads: a system call for every page of a file costs more than what is done with the page.
constexpr size_t read_size = size_t{128} * 1024;
char room_of_stdin[read_size];  // not allocated: stdin outlives its reader

std::optional<link_layer> link_layer_of(int datalink) {
  switch (datalink) {
    case DLT_EN10MB:
      return link_layer::ethernet;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case 14:   // DLT_RAW of OpenBSD
    case 101:  // LINKTYPE_RAW, should libpcap not have translated it
      return link_layer::raw_ip;
    case DLT_LINUX_SLL:
      return link_layer::linux_cooked;
    case DLT_LINUX_SLL2:
      return link_layer::linux_cooked2;
    case DLT_NULL:
    case DLT_LOOP:
      return link_layer::null;
    case DLT_PPP_ETHER:
      return link_layer::pppoe;
    default:
      return std::nullopt;
  }
}

std::string name_of(int datalink) {
  const char* known = pcap_datalink_val_to_name(datalink);
  return known != nullptr ? known : "link type " + std::to_string(datalink);
}

}  // namespace

pcap_source::pcap_source(const std::string& name, pcap* handle) : name_(name), handle_(handle) {}

pcap_source::~pcap_source() {
  pcap_close(handle_);
}

/// What libpcap reads where bytes may have to be waited for: stdio asks for more when it has used
/// up what it had.
struct pcap_source::stream {
  static ssize_t read(void* self, char* to, size_t size) {
    const auto& me = *static_cast<const stream*>(self);
    pollfd more{me.descriptor, POLLIN, 0};
    if (me.on_wait && poll(&more, 1, 0) == 0)
      me.on_wait();
    return ::read(me.descriptor, to, size);
  }
  static int close(void* self) {
    const int descriptor = static_cast<const stream*>(self)->descriptor;
    return descriptor == STDIN_FILENO ? 0 : ::close(descriptor);
  }
  FILE* open() {
    cookie_io_functions_t calls{};
    calls.read = &read;
    calls.close = &close;
    return fopencookie(this, "rb", calls);
  }

  const int descriptor;
  std::function<void()> on_wait = {};
};

result<std::unique_ptr<pcap_source>> pcap_source::open(const std::string& name) {
  const bool from_stdin = name == "-";
  const int descriptor = from_stdin ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const int code = errno;
    return failure(code, name + ": " + khelp_strerror(code));
  }
  struct stat about {};
  const bool regular = fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
  std::unique_ptr<stream> waits(regular ? nullptr : new stream{descriptor});
  FILE* file = waits ? waits->open() : from_stdin ? stdin : fdopen(descriptor, "rb");
  if (file == nullptr) {
    if (!from_stdin)
      (void)::close(descriptor);
    return failure(ENOMEM, name + ": " + khelp_strerror(ENOMEM));
  }
  std::unique_ptr<char[]> room(file == stdin ? nullptr : new char[read_size]);
  (void)std::setvbuf(file, file == stdin ? room_of_stdin : room.get(), _IOFBF, read_size);
  (void)__fsetlocking(file, FSETLOCKING_BYCALLER);  // this reader is the only one
  char words[PCAP_ERRBUF_SIZE] = "";
  pcap* handle = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, words);
  if (handle == nullptr) {
    if (file != stdin)
      (void)std::fclose(file);
    return failure(EINVAL, name + ": " + words);
  }

  std::unique_ptr<pcap_source> source(new pcap_source(name, handle));  // takes the file along
  source->room_ = std::move(room);
  source->stream_ = std::move(waits);
  const int datalink = pcap_datalink(handle);
  source->link_name_ = name_of(datalink);
  const auto link = link_layer_of(datalink);
  if (!link)
    return failure(ENOTSUP, name + ": frames of " + source->link_name_ + " cannot be decoded");
  source->link_ = *link;
  if (regular)
    source->file_bytes_ = about.st_size;
  return source;
}

void pcap_source::on_wait(const std::function<void()>& told) {
  if (stream_ != nullptr)
    stream_->on_wait = told;
}

std::optional<double> pcap_source::share_read() const {
  if (file_bytes_ == 0)
    return std::nullopt;
  return std::clamp(
      static_cast<double>(ftello(pcap_file(handle_))) / static_cast<double>(file_bytes_), 0.0, 1.0);
}

std::string pcap_source::position() const {
  std::string words = name_ + ": packet " + std::to_string(packets_ + 1);
  const off_t at = ftello(pcap_file(handle_));
  if (at >= 0)
    words += ", at byte " + std::to_string(at);
  return words;
}

void pcap_source::remark(const std::string& words) {
  if (remarks_.size() < most_remarks)
    remarks_.push_back(position() + ": " + words);
}

/// A time stamp whose fraction is a second or more says nothing beyond its seconds: it becomes the
/// earliest time in that second that is not before the packet in front.
int64_t pcap_source::time_of(int64_t seconds, int64_t nanoseconds) {
  constexpr int64_t latest_s = std::numeric_limits<int64_t>::max() / second_ns - 1;
  constexpr int64_t wrap_32 = int64_t{1} << 32;
  if (seconds < 0 && seconds >= std::numeric_limits<int32_t>::min())
    seconds += wrap_32;  // the file's field is unsigned; libpcap sign-extends it
  if (seconds < 0 || seconds > latest_s) {
    remark("its time stamp is outside the years 1970 to 2262");
    return previous_ns_;
  }
  if (nanoseconds < 0 || nanoseconds >= second_ns) {
    remark("the fraction of its time stamp is not below a second");
    const int64_t begin = seconds * second_ns;
    return std::clamp(previous_ns_, begin, begin + second_ns - 1);
  }
  previous_ns_ = seconds * second_ns + nanoseconds;
  return previous_ns_;
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
    remark("more bytes were captured than it had");
  packet.captured = {bytes, header->caplen};
  packet.length = std::max(header->len, header->caplen);
  packet.when_ns = time_of(header->ts.tv_sec, header->ts.tv_usec);
  ++packets_;
  return true;
}

}  // namespace khelp::tcp
