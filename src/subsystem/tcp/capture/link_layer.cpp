#include "subsystem/tcp/capture/link_layer.hpp"

#include <pcap/pcap.h>

namespace khelp::tcp {

namespace {

/// Where the number in files is not the one that libpcap's names go by.
int datalink_of(uint32_t link_type) {
  switch (link_type) {
    case 100:
      return DLT_ATM_RFC1483;
    case 101:
      return DLT_RAW;
    case 102:
      return DLT_SLIP_BSDOS;
    case 103:
      return DLT_PPP_BSDOS;
    case 106:
      return DLT_ATM_CLIP;
    default:
      return static_cast<int>(link_type);
  }
}

}  // namespace

link_layer link_layer_of(uint32_t link_type) {
  switch (link_type) {
    case 0:    // NULL
    case 108:  // LOOP: OpenBSD's
      return link_layer::null;
    case 1:
      return link_layer::ethernet;
    case 9:   // PPP
    case 50:  // PPP_HDLC
      return link_layer::ppp;
    case 10:
      return link_layer::fddi;
    case 12:   // DLT_RAW
    case 14:   // DLT_RAW of OpenBSD
    case 101:  // RAW
    case 228:  // IPV4
    case 229:  // IPV6
      return link_layer::raw_ip;
    case 51:
      return link_layer::pppoe;
    case 104:
      return link_layer::cisco_hdlc;
    case 105:
      return link_layer::ieee80211;
    case 113:
      return link_layer::linux_cooked;
    case 117:
      return link_layer::packet_filter_log;
    case 127:
      return link_layer::radiotap;
    case 192:
      return link_layer::ppi;
    case 204:
      return link_layer::ppp_with_side;
    case 239:
      return link_layer::netfilter_log;
    case 258:
      return link_layer::pktap;
    case 276:
      return link_layer::linux_cooked2;
    default:
      return link_layer::unknown;
  }
}

std::string link_name_of(uint32_t link_type) {
  const char* known = pcap_datalink_val_to_name(datalink_of(link_type));
  return known != nullptr ? known : "link type " + std::to_string(link_type);
}

}  // namespace khelp::tcp
