/// osd(9): object-specific data. Each function is its namesake in <khelp/osd.h>, which documents
/// it.
#ifndef KHELP_FREEBSD_SYS_OSD_H
#define KHELP_FREEBSD_SYS_OSD_H

#include <khelp_names.h>
#include <sys/param.h>

#include <khelp/osd.h>

#define OSD_THREAD KHELP_OSD_THREAD
#define OSD_JAIL KHELP_OSD_JAIL
#define OSD_KHELP KHELP_OSD_KHELP
#define OSD_FIRST KHELP_OSD_FIRST
#define OSD_LAST KHELP_OSD_LAST

#define PR_METHOD_CREATE KHELP_PR_METHOD_CREATE
#define PR_METHOD_GET KHELP_PR_METHOD_GET
#define PR_METHOD_SET KHELP_PR_METHOD_SET
#define PR_METHOD_CHECK KHELP_PR_METHOD_CHECK
#define PR_METHOD_ATTACH KHELP_PR_METHOD_ATTACH
#define PR_METHOD_REMOVE KHELP_PR_METHOD_REMOVE
#define PR_MAXMETHOD KHELP_PR_MAXMETHOD

/* libkhelp's: an osd must start zeroed (K-19). */
#define OSD_INITIALIZER KHELP_OSD_INITIALIZER

typedef khelp_osd_destructor_t osd_destructor_t;
typedef khelp_osd_method_t osd_method_t;

/// libkhelp's: make an osd in memory that is not zeroed fit for use.
static inline void osd_init_object(struct osd* object) {
  *object = (struct osd)OSD_INITIALIZER;
}

/// 0 where a process can run out of memory or slots; the kernel's cannot fail.
static inline int osd_register(unsigned type, osd_destructor_t destructor,
                               const osd_method_t* methods) {
  return khelp_osd_register(type, destructor, methods);
}

static inline void osd_deregister(unsigned type, unsigned slot) {
  khelp_osd_deregister(type, slot);
}

static inline int osd_set(unsigned type, struct osd* object, unsigned slot, void* value) {
  return khelp_osd_set(type, object, slot, value);
}

static inline void** osd_reserve(unsigned slot) {
  return khelp_osd_reserve(slot);
}

static inline int osd_set_reserved(unsigned type, struct osd* object, unsigned slot,
                                   void** reserved, void* value) {
  return khelp_osd_set_reserved(type, object, slot, reserved, value);
}

static inline void osd_free_reserved(void** reserved) {
  khelp_osd_free_reserved(reserved);
}

static inline void* osd_get(unsigned type, struct osd* object, unsigned slot) {
  return khelp_osd_get(type, object, slot);
}

static inline void osd_del(unsigned type, struct osd* object, unsigned slot) {
  khelp_osd_del(type, object, slot);
}

static inline int osd_call(unsigned type, unsigned method, void* object, void* data) {
  return khelp_osd_call(type, method, object, data);
}

static inline void osd_exit(unsigned type, struct osd* object) {
  khelp_osd_exit(type, object);
}

#endif
