/// Socket filters: code that joins the sockets of a program and decides what happens on them.
///
/// The model is Darwin's socket filter KPI. There the kernel has the sockets; here a program that
/// has its own (a network stack, a proxy, a test) opens each one to filters with
/// khelp_sflt_socket_open() and asks them at its entry points with the khelp_sflt_… functions at
/// the end of this header. What a socket and a buffer are is the program's business: their
/// structures are only pointed to.
#ifndef KHELP_SFLT_H
#define KHELP_SFLT_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/error.h>
#include <khelp/export.h>

KHELP_BEGIN_DECLS

struct sockaddr;
struct khelp_socket;  /**< the program's socket */
struct khelp_mbuf;    /**< the program's buffer */
struct khelp_sockopt; /**< the program's description of a socket option */

/// When a filter joins sockets by itself, and what its structure has.
#define KHELP_SFLT_GLOBAL 0x1u /**< every socket opened from now on */
#define KHELP_SFLT_PROG 0x2u   /**< only where khelp_sflt_attach() says so */
#define KHELP_SFLT_EXTENDED 0x4u
#define KHELP_SFLT_EXTENDED_REGISTRY 0x8u /**< with GLOBAL: sockets that are open already as well */

/// What sf_notify is told.
#define KHELP_SFLT_EVENT_CONNECTING 1
#define KHELP_SFLT_EVENT_CONNECTED 2
#define KHELP_SFLT_EVENT_DISCONNECTING 3
#define KHELP_SFLT_EVENT_DISCONNECTED 4
#define KHELP_SFLT_EVENT_FLUSH_READ 5
#define KHELP_SFLT_EVENT_SHUTDOWN 6 /**< param: int*, how */
#define KHELP_SFLT_EVENT_CANTRECVMORE 7
#define KHELP_SFLT_EVENT_CANTSENDMORE 8
#define KHELP_SFLT_EVENT_CLOSING 9
#define KHELP_SFLT_EVENT_BOUND 10

/// Data flags.
#define KHELP_SFLT_DATA_OOB 1u
#define KHELP_SFLT_DATA_RECORD 2u

/// A filter: who it is, and what it wants to be asked. Callbacks may be NULL, but attach and detach.
///
/// Shape    `cookie` is what sf_attach stored for this socket. Addresses are borrowed. Data
///          callbacks may replace the buffers; with KHELP_EJUSTRETURN they keep them.
/// Context  callbacks run with no lock held, and may sleep, attach, detach and unregister filters,
///          this one included. One that throws is suspended on that socket.
/// Errors   0: go on. KHELP_EJUSTRETURN: khelp_sflt_action() says what it means where. Anything
///          else: the operation fails with it. Filters behind are not asked then.
/// Source   Darwin sys/kpi_socketfilter.h struct sflt_filter.
struct khelp_sflt_filter {
  uint32_t sf_handle; /**< not 0; one filter per handle */
  int sf_flags;       /**< KHELP_SFLT_GLOBAL…; other bits are refused */
  const char* sf_name;
  /** The last call that is ever made: the filter's code may be unloaded. */
  void (*sf_unregistered)(uint32_t handle);
  /** Join a socket. Not 0: not attached, and sf_detach is not called. */
  int (*sf_attach)(void** cookie, struct khelp_socket* so);
  /** Leave it: no thread is in a callback of this filter on this socket, and none will enter. */
  void (*sf_detach)(void* cookie, struct khelp_socket* so);
  void (*sf_notify)(void* cookie, struct khelp_socket* so, uint32_t event, void* param);
  int (*sf_getpeername)(void* cookie, struct khelp_socket* so, struct sockaddr** sa);
  int (*sf_getsockname)(void* cookie, struct khelp_socket* so, struct sockaddr** sa);
  int (*sf_data_in)(void* cookie, struct khelp_socket* so, const struct sockaddr* from,
                    struct khelp_mbuf** data, struct khelp_mbuf** control, uint32_t flags);
  int (*sf_data_out)(void* cookie, struct khelp_socket* so, const struct sockaddr* to,
                     struct khelp_mbuf** data, struct khelp_mbuf** control, uint32_t flags);
  int (*sf_connect_in)(void* cookie, struct khelp_socket* so, const struct sockaddr* from);
  int (*sf_connect_out)(void* cookie, struct khelp_socket* so, const struct sockaddr* to);
  int (*sf_bind)(void* cookie, struct khelp_socket* so, const struct sockaddr* to);
  int (*sf_setoption)(void* cookie, struct khelp_socket* so, struct khelp_sockopt* option);
  int (*sf_getoption)(void* cookie, struct khelp_socket* so, struct khelp_sockopt* option);
  int (*sf_listen)(void* cookie, struct khelp_socket* so);
  int (*sf_ioctl)(void* cookie, struct khelp_socket* so, unsigned long request, const char* argp);
  /** Read when sf_flags has KHELP_SFLT_EXTENDED. */
  struct khelp_sflt_filter_ext {
    unsigned int sf_ext_len; /**< sizeof(struct khelp_sflt_filter_ext); less is refused */
    int (*sf_ext_accept)(void* cookie, struct khelp_socket* listener, struct khelp_socket* so,
                         const struct sockaddr* local, const struct sockaddr* remote);
    void* rsvd[5];
  } sf_ext;
};
#define sf_len sf_ext.sf_ext_len
#define sf_accept sf_ext.sf_ext_accept

/// Register a filter for the sockets of one domain, type and protocol.
///
/// Shape    filter and its name are copied. protocol: 0 is the type's usual one.
/// Context  any thread. Calls sf_attach for open sockets with KHELP_SFLT_EXTENDED_REGISTRY; a
///          socket that it does not want, or that there is no memory for, is left out.
/// Errors   ENOTSUP another domain than PF_INET and PF_INET6 · ENOENT no such protocol · EINVAL no
///          attach, detach, handle or name, a flag that there is none, or KHELP_SFLT_EXTENDED and an
///          sf_len below the extension's size (0, when it was forgotten) · EEXIST the handle is in
///          use, perhaps by a filter that is still leaving · ENOMEM.
/// Source   Darwin sflt_register().
KHELP_API int khelp_sflt_register(const struct khelp_sflt_filter* filter, int domain, int type,
                                  int protocol);

/// Detach a filter from every socket, and forget it.
///
/// Context  outside hooks and callbacks it waits until the filter's callbacks have been left, and
///          its sf_unregistered has returned unless another thread is still detaching it
///          (khelp_sflt_wait()). From inside one it returns at once, and a later cold call goes on.
/// Errors   ENOENT no such filter, or leaving already.
/// Source   Darwin sflt_unregister(), which always detaches later.
KHELP_API int khelp_sflt_unregister(uint32_t handle);

/// Wait until an unregistered filter's sf_unregistered has returned: its code may be unloaded.
///
/// Errors   EBUSY it is registered · EDEADLK inside a hook or a filter's callback.
KHELP_API int khelp_sflt_wait(uint32_t handle);

/// Attach a registered filter to one socket, in front of those that are there.
///
/// Errors   EINVAL no such socket or filter · EEXIST it is attached (Darwin's test could miss that,
///          D-4) · ENOMEM, in which case sf_detach follows sf_attach · what sf_attach returned.
/// Source   Darwin sflt_attach().
KHELP_API int khelp_sflt_attach(struct khelp_socket* so, uint32_t handle);

/// Detach a filter from one socket. Waits as khelp_sflt_unregister().
///
/// Errors   EINVAL no such socket or filter. 0 also when it is not attached (D-5).
/// Source   Darwin sflt_detach().
KHELP_API int khelp_sflt_detach(struct khelp_socket* so, uint32_t handle);

/* ---- for the program that has the sockets ---- */

/// A socket that filters can join. Read through khelp_sflt_any() only.
struct khelp_sflt_socket {
  uint32_t attached; /**< filters on it */
};

/// Open a socket to filters; those registered with KHELP_SFLT_GLOBAL join it, in order of
/// registration, each in front.
///
/// Errors   NULL, and khelp_failure_text(): EINVAL so is NULL or open already · ENOMEM.
KHELP_API struct khelp_sflt_socket* khelp_sflt_socket_open(struct khelp_socket* so, int domain,
                                                           int type, int protocol);

/// Detach every filter from a socket, and forget it. No function below may be called for it again.
///
/// Context  waits until callbacks on this socket have been left.
/// Errors   EDEADLK inside a hook or a filter's callback: nothing has changed.
KHELP_API int khelp_sflt_socket_close(struct khelp_sflt_socket* socket);

/// Whether a filter is on the socket: one load.
static inline int khelp_sflt_any(const struct khelp_sflt_socket* socket) {
  return __atomic_load_n(&socket->attached, __ATOMIC_RELAXED) != 0;
}

/// An operation that filters are asked about.
enum khelp_sflt_question {
  KHELP_SFLT_NOTIFY,
  KHELP_SFLT_GETPEERNAME,
  KHELP_SFLT_GETSOCKNAME,
  KHELP_SFLT_DATA_IN,
  KHELP_SFLT_DATA_OUT,
  KHELP_SFLT_CONNECT_IN,
  KHELP_SFLT_CONNECT_OUT,
  KHELP_SFLT_BIND,
  KHELP_SFLT_SETOPTION,
  KHELP_SFLT_GETOPTION,
  KHELP_SFLT_LISTEN,
  KHELP_SFLT_IOCTL,
  KHELP_SFLT_ACCEPT
};

/// A question and what goes with it; the others are zero.
struct khelp_sflt_call {
  uint32_t question;     /**< an enum khelp_sflt_question */
  uint32_t oldest_first; /**< 1: ask the first attached first, as a stack would in one direction
                              (D-6); 0: the last, as Darwin does in both */
  uint32_t flags;        /**< DATA_…: KHELP_SFLT_DATA_OOB…; NOTIFY: the event */
  const struct sockaddr* address; /**< from, to; ACCEPT: local */
  const struct sockaddr* remote;  /**< ACCEPT */
  struct sockaddr** name;         /**< GETPEERNAME, GETSOCKNAME */
  struct khelp_mbuf** data;       /**< DATA_… */
  struct khelp_mbuf** control;    /**< DATA_… */
  struct khelp_sockopt* option;   /**< SETOPTION, GETOPTION */
  struct khelp_socket* accepted;  /**< ACCEPT; the socket of the call is the listener */
  unsigned long request;          /**< IOCTL */
  const char* argp;               /**< IOCTL */
  void* param;                    /**< NOTIFY */
};

/// Ask the filters of a socket, by default the last attached first, until one says anything but 0.
///
/// Context  any thread, not while the socket is closed. Takes no lock.
/// Cost     use khelp_sflt_any() before.
/// Errors   what that filter said; 0: go on. khelp_sflt_action() interprets it. EINVAL, too, and
///          nobody was asked: there is no such question.
KHELP_API int khelp_sflt_ask(struct khelp_sflt_socket* socket, const struct khelp_sflt_call* call);

/// What the program does with an answer.
enum khelp_sflt_action {
  KHELP_SFLT_GO_ON,     /**< do the operation */
  KHELP_SFLT_SWALLOWED, /**< report success; the filter owns the buffers and may inject them later */
  KHELP_SFLT_DONE,      /**< report success without doing the operation */
  KHELP_SFLT_DISCONNECT, /**< return the accepted socket, disconnected */
  KHELP_SFLT_FAIL,       /**< the operation fails with the answer; buffers are freed */
  KHELP_SFLT_REJECT      /**< refuse the peer; an accepted socket is closed */
};
static inline enum khelp_sflt_action khelp_sflt_action(uint32_t question, int answer) {
  if (answer == 0 || question == KHELP_SFLT_NOTIFY)
    return KHELP_SFLT_GO_ON;
  if (question == KHELP_SFLT_CONNECT_IN)
    return KHELP_SFLT_REJECT;
  if (question == KHELP_SFLT_ACCEPT)
    return answer == KHELP_EJUSTRETURN ? KHELP_SFLT_DISCONNECT : KHELP_SFLT_REJECT;
  if (answer != KHELP_EJUSTRETURN)
    return KHELP_SFLT_FAIL;
  return question == KHELP_SFLT_DATA_IN || question == KHELP_SFLT_DATA_OUT ? KHELP_SFLT_SWALLOWED
                                                                           : KHELP_SFLT_DONE;
}

KHELP_END_DECLS

#endif
