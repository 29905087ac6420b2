/* A socket filter in Darwin's words, and a program with a socket for it. */
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/kpi_socketfilter.h>

#undef NDEBUG
#include <assert.h>

struct khelp_mbuf {
  const char* bytes;
};
struct khelp_socket {
  struct khelp_sflt_socket* filters;
};

#define MY_HANDLE 0x4b48

static int detached;
static int gone;

static errno_t my_attach(void** cookie, socket_t so) {
  (void)so;
  *cookie = calloc(1, sizeof(int));
  return *cookie != NULL ? 0 : ENOMEM;
}

static void my_detach(void* cookie, socket_t so) {
  (void)so;
  free(cookie);
  detached = 1;
}

static void my_unregistered(sflt_handle handle) {
  assert(handle == MY_HANDLE && detached);
  gone = 1;
}

static errno_t my_data_out(void* cookie, socket_t so, const struct sockaddr* to, mbuf_t* data,
                           mbuf_t* control, sflt_data_flag_t flags) {
  (void)so, (void)to, (void)control;
  ++*(int*)cookie;
  assert(flags == sock_data_filt_flag_oob);
  return strcmp((*data)->bytes, "secret") == 0 ? EJUSTRETURN : 0;
}

static struct sflt_filter my_filter = {
    .sf_handle = MY_HANDLE,
    .sf_flags = SFLT_GLOBAL | SFLT_EXTENDED_REGISTRY,
    .sf_name = "my.filter",
    .sf_unregistered = my_unregistered,
    .sf_attach = my_attach,
    .sf_detach = my_detach,
    .sf_data_out = my_data_out,
};

/* The program: what it does with the filters' answer. */
static const char* send_out(socket_t so, const char* bytes) {
  struct khelp_mbuf buffer = {bytes};
  mbuf_t data = &buffer;
  struct khelp_sflt_call call = {
      .question = KHELP_SFLT_DATA_OUT, .flags = sock_data_filt_flag_oob, .data = &data};
  int answer = khelp_sflt_any(so->filters) ? khelp_sflt_ask(so->filters, &call) : 0;
  return khelp_sflt_action(call.question, answer) == KHELP_SFLT_GO_ON ? "sent" : "swallowed";
}

int main(void) {
  struct khelp_socket so;
  so.filters = khelp_sflt_socket_open(&so, PF_INET, SOCK_STREAM, IPPROTO_TCP);
  assert(so.filters != NULL);
  assert(sflt_register(&my_filter, PF_INET, SOCK_STREAM, IPPROTO_TCP) == 0);
  assert(sflt_register(&my_filter, PF_INET, SOCK_STREAM, IPPROTO_TCP) == EEXIST);
  assert(sflt_attach(&so, MY_HANDLE) == EEXIST);
  assert(strcmp(send_out(&so, "hello"), "sent") == 0);
  assert(strcmp(send_out(&so, "secret"), "swallowed") == 0);
  assert(sflt_detach(&so, MY_HANDLE) == 0 && detached);
  assert(strcmp(send_out(&so, "secret"), "sent") == 0);
  assert(sflt_unregister(MY_HANDLE) == 0 && gone);
  assert(khelp_sflt_wait(MY_HANDLE) == 0);
  return khelp_sflt_socket_close(so.filters);
}
