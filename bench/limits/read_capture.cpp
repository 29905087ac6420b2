/// The limit of replaying a capture: every packet is read through libpcap, from the same file with
/// the same buffer as `khelp replay` reads it, and nothing is done with it.
///
///   khelp_read_capture FILE        prints how many packets there were
#include <cstdio>
#include <memory>
#include <pcap/pcap.h>
#include <stdio_ext.h>

int main(int argc, char** argv) {
  constexpr size_t read_size = size_t{128} * 1024;
  FILE* file = argc == 2 ? std::fopen(argv[1], "rbe") : nullptr;
  if (file == nullptr) {
    std::fputs("read_capture: give it a capture that can be read\n", stderr);
    return 2;
  }
  const std::unique_ptr<char[]> room(new char[read_size]);
  (void)std::setvbuf(file, room.get(), _IOFBF, read_size);
  (void)__fsetlocking(file, FSETLOCKING_BYCALLER);
  char words[PCAP_ERRBUF_SIZE] = "";
  pcap_t* capture =
      pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, words);
  if (capture == nullptr) {
    std::fprintf(stderr, "read_capture: %s\n", words);
    return 1;
  }
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  unsigned long packets = 0;
  int status = 0;
  while ((status = pcap_next_ex(capture, &header, &bytes)) == 1)
    ++packets;
  if (status != PCAP_ERROR_BREAK)
    std::fprintf(stderr, "read_capture: %s\n", pcap_geterr(capture));
  pcap_close(capture);
  std::printf("%lu packets\n", packets);
  return status == PCAP_ERROR_BREAK ? 0 : 1;
}
