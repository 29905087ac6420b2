/// Socket filters, for programs that have sockets of their own (see khelp/sflt.h).
///
/// sock_inject_data_in() and sock_inject_data_out() are the program's to provide: it knows how its
/// data goes on.
#ifndef KHELP_DARWIN_SYS_KPI_SOCKETFILTER_H
#define KHELP_DARWIN_SYS_KPI_SOCKETFILTER_H

#include <sys/errno.h>
#include <sys/kernel_types.h>
#include <sys/socket.h>

#include <khelp/sflt.h>

typedef struct khelp_sockopt* sockopt_t;
typedef uint32_t sflt_handle;
typedef uint32_t sflt_flags;
typedef uint32_t sflt_event_t;
typedef uint32_t sflt_data_flag_t;

#define SFLT_GLOBAL KHELP_SFLT_GLOBAL
#define SFLT_PROG KHELP_SFLT_PROG
#define SFLT_EXTENDED KHELP_SFLT_EXTENDED
#define SFLT_EXTENDED_REGISTRY KHELP_SFLT_EXTENDED_REGISTRY

enum {
  sock_evt_connecting = KHELP_SFLT_EVENT_CONNECTING,
  sock_evt_connected = KHELP_SFLT_EVENT_CONNECTED,
  sock_evt_disconnecting = KHELP_SFLT_EVENT_DISCONNECTING,
  sock_evt_disconnected = KHELP_SFLT_EVENT_DISCONNECTED,
  sock_evt_flush_read = KHELP_SFLT_EVENT_FLUSH_READ,
  sock_evt_shutdown = KHELP_SFLT_EVENT_SHUTDOWN,
  sock_evt_cantrecvmore = KHELP_SFLT_EVENT_CANTRECVMORE,
  sock_evt_cantsendmore = KHELP_SFLT_EVENT_CANTSENDMORE,
  sock_evt_closing = KHELP_SFLT_EVENT_CLOSING,
  sock_evt_bound = KHELP_SFLT_EVENT_BOUND
};
enum {
  sock_data_filt_flag_oob = KHELP_SFLT_DATA_OOB,
  sock_data_filt_flag_record = KHELP_SFLT_DATA_RECORD
};

#define sflt_filter khelp_sflt_filter
#define sflt_filter_ext khelp_sflt_filter_ext

typedef void (*sf_unregistered_func)(sflt_handle handle);
typedef errno_t (*sf_attach_func)(void** cookie, socket_t so);
typedef void (*sf_detach_func)(void* cookie, socket_t so);
typedef void (*sf_notify_func)(void* cookie, socket_t so, sflt_event_t event, void* param);
typedef int (*sf_getpeername_func)(void* cookie, socket_t so, struct sockaddr** sa);
typedef int (*sf_getsockname_func)(void* cookie, socket_t so, struct sockaddr** sa);
typedef errno_t (*sf_data_in_func)(void* cookie, socket_t so, const struct sockaddr* from,
                                   mbuf_t* data, mbuf_t* control, sflt_data_flag_t flags);
typedef errno_t (*sf_data_out_func)(void* cookie, socket_t so, const struct sockaddr* to,
                                    mbuf_t* data, mbuf_t* control, sflt_data_flag_t flags);
typedef errno_t (*sf_connect_in_func)(void* cookie, socket_t so, const struct sockaddr* from);
typedef errno_t (*sf_connect_out_func)(void* cookie, socket_t so, const struct sockaddr* to);
typedef errno_t (*sf_bind_func)(void* cookie, socket_t so, const struct sockaddr* to);
typedef errno_t (*sf_setoption_func)(void* cookie, socket_t so, sockopt_t opt);
typedef errno_t (*sf_getoption_func)(void* cookie, socket_t so, sockopt_t opt);
typedef errno_t (*sf_listen_func)(void* cookie, socket_t so);
typedef errno_t (*sf_ioctl_func)(void* cookie, socket_t so, unsigned long request,
                                 const char* argp);
typedef errno_t (*sf_accept_func)(void* cookie, socket_t so_listen, socket_t so,
                                  const struct sockaddr* local, const struct sockaddr* remote);

/// The structure and its name are copied.
static inline errno_t sflt_register(const struct sflt_filter* filter, int domain, int type,
                                    int protocol) {
  return khelp_sflt_register(filter, domain, type, protocol);
}

/// sf_unregistered is the last call; khelp_sflt_wait() waits for it.
static inline errno_t sflt_unregister(sflt_handle handle) {
  return khelp_sflt_unregister(handle);
}

static inline errno_t sflt_attach(socket_t so, sflt_handle handle) {
  return khelp_sflt_attach(so, handle);
}

/// 0 also when it is not attached (D-5).
static inline errno_t sflt_detach(socket_t so, sflt_handle handle) {
  return khelp_sflt_detach(so, handle);
}

#endif
