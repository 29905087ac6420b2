/* lwip_ends HELPER.so: two ends of lwIP, 20 ms apart on a clock of their own. One sends a megabyte to the
 * other, while the helper, which is loaded by its path, measures. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <khelp/clock.h>
#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/loader.h>

#include "khelp_lwip.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

enum { megabyte = 1 << 20 };
static const int64_t delay_ns = 20000000;
static const int64_t tick_ns = 10000000;
static int64_t now_ns = 1000000000;

u32_t sys_now(void) {
  return (u32_t)(now_ns / 1000000);
}

/* ---- two wires */

struct packet {
  struct packet* next;
  struct pbuf* data;
  int64_t due;
  struct netif* from;
};
static struct packet* first;
static struct packet** last = &first;
static struct netif near, far;

static err_t send_packet(struct netif* from, struct pbuf* p, const ip4_addr_t* to) {
  struct packet* sent = malloc(sizeof *sent);
  (void)to;
  if (sent == NULL)
    return ERR_MEM;
  *sent = (struct packet){NULL, pbuf_clone(PBUF_RAW, PBUF_RAM, p), now_ns + delay_ns, from};
  *last = sent;
  last = &sent->next;
  return ERR_OK;
}

static void deliver(void) {
  while (first != NULL && first->due <= now_ns) {
    struct packet* arrived = first;
    struct netif* to = arrived->from == &near ? &far : &near;
    first = arrived->next;
    if (first == NULL)
      last = &first;
    to->input(arrived->data, to);
    free(arrived);
  }
}

static err_t plug_in(struct netif* n) {
  n->output = send_packet;
  n->mtu = 1500;
  n->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

/* ---- one sends, one receives */

static size_t written, received;

static err_t write_more(void* arg, struct tcp_pcb* pcb, u16_t acknowledged) {
  static const char block[1460];
  (void)arg, (void)acknowledged;
  while (written < megabyte) {
    size_t n = LWIP_MIN(sizeof block, megabyte - written);
    n = LWIP_MIN(n, tcp_sndbuf(pcb));
    if (n == 0 || tcp_write(pcb, block, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
      break;
    written += n;
  }
  return tcp_output(pcb);
}
static err_t connected(void* arg, struct tcp_pcb* pcb, err_t error) {
  (void)error;
  tcp_sent(pcb, write_more);
  return write_more(arg, pcb, 0);
}
static err_t receive(void* arg, struct tcp_pcb* pcb, struct pbuf* p, err_t error) {
  (void)arg, (void)error;
  if (p != NULL) {
    received += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
  }
  return ERR_OK;
}
static err_t accepted(void* arg, struct tcp_pcb* pcb, err_t error) {
  (void)arg, (void)error;
  tcp_recv(pcb, receive);
  return ERR_OK;
}

/* ---- what the helper says of a connection */

static void print_report(const struct tcp_pcb* pcb, int32_t id) {
  struct khelp_helper_description helper = {.size = sizeof helper};
  struct khelp_osd* slots = khelp_lwip_slots(pcb);
  struct khelp_value* values;
  const void* data;
  if (khelp_helper_describe(id, &helper) != 0 || helper.report == NULL ||
      (values = calloc(helper.nfields, sizeof *values)) == NULL)
    return;
  khelp_osd_enter(slots);
  data = khelp_get_osd(slots, id);
  if (data != NULL)
    helper.report(data, values);
  khelp_osd_leave(slots);
  for (uint32_t i = 0; i < helper.nfields; ++i) {
    if (values[i].present)
      printf("%s %s %" PRId64 "\n", helper.name, helper.fields[i].name, values[i].number);
  }
  free(values);
}

static int fail(void) {
  fprintf(stderr, "%s\n", khelp_failure_text());
  return 1;
}

int main(int argc, char** argv) {
  ip_addr_t address[2], mask;
  struct tcp_pcb *client, *listener;
  int32_t file = 0;
  if (argc != 2) {
    fprintf(stderr, "usage: lwip_ends HELPER.so\n");
    return 2;
  }
  khelp_clock_set(now_ns);
  lwip_init();
  if (khelp_lwip_open() != 0 || khelp_load(argv[1], NULL, &file) != 0)
    return fail();
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&address[0], 192, 0, 2, 1);
  IP4_ADDR(&address[1], 198, 51, 100, 1);
  netif_add(&near, &address[0], &mask, &address[0], NULL, plug_in, ip_input);
  netif_add(&far, &address[1], &mask, &address[1], NULL, plug_in, ip_input);
  netif_set_default(&near);
  listener = tcp_new();
  tcp_bind(listener, &address[1], 80);
  tcp_accept(tcp_listen(listener), accepted);
  client = tcp_new();
  tcp_bind(client, &address[0], 4000);
  tcp_connect(client, &address[1], 80, connected);
  while (received < megabyte && now_ns < 600000000000) {
    const int64_t next_tick = now_ns + tick_ns - now_ns % tick_ns;
    now_ns = first != NULL && first->due < next_tick ? LWIP_MAX(first->due, now_ns) : next_tick;
    khelp_clock_set(now_ns);
    deliver();
    sys_check_timeouts();
  }
  printf("%zu bytes\n", received);
  print_report(client, khelp_get_id("ertt"));
  if (khelp_unload(file, KHELP_UNLOAD_REVOKE, 0) != 0)
    return fail();
  return 0;
}
