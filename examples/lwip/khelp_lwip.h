/* The TCP points over lwIP, by lwIP's own hooks: put this into LWIP_HOOK_FILENAME. */
#ifndef KHELP_LWIP_H
#define KHELP_LWIP_H

#include <stdint.h>

struct pbuf;
struct tcp_hdr;
struct tcp_pcb;

/* Register the points; after lwip_init(). 0, or an errno value. */
int khelp_lwip_open(void);
/* The slots of a connection, once a segment of it was seen; NULL before. */
struct khelp_osd* khelp_lwip_slots(const struct tcp_pcb* pcb);

/* What lwIP calls. */
signed char khelp_lwip_in(struct tcp_pcb* pcb, struct tcp_hdr* header, uint16_t options_length,
                          uint16_t first_length, uint8_t* second_part, struct pbuf* p);
uint32_t* khelp_lwip_out(struct pbuf* p, struct tcp_hdr* header, const struct tcp_pcb* pcb,
                         uint32_t* options);

#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, length, first, second, p) \
  khelp_lwip_in(pcb, header, length, first, second, p)
#define LWIP_HOOK_TCP_OUT_TCPOPT_LENGTH(pcb, length) (length)
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options) \
  khelp_lwip_out(p, header, pcb, options)

#endif
