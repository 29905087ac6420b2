/// GObject: signals, and data on objects.
#include <array>
#include <glib-object.h>
#include <map>

#include "callbacks.hpp"

namespace {

void emitted(GObject*, void* event, void* udata) {
  count_tick(1, 2, udata, event, nullptr, nullptr);
}

guint tick_signal() {
  static const guint id = g_signal_new("bench-tick", G_TYPE_OBJECT, G_SIGNAL_RUN_LAST, 0, nullptr,
                                       nullptr, nullptr, G_TYPE_NONE, 1, G_TYPE_POINTER);
  return id;
}

struct gobject_point {
  GObject* emitter = static_cast<GObject*>(g_object_new(G_TYPE_OBJECT, nullptr));
  guint signal = tick_signal();
  std::map<std::intptr_t, gulong> handlers;

  void add(std::intptr_t number) {
    handlers[number] = g_signal_connect(emitter, "bench-tick", G_CALLBACK(emitted),
                                        reinterpret_cast<void*>(number));
  }
  void remove(std::intptr_t number) { g_signal_handler_disconnect(emitter, handlers[number]); }
  void run(tick& event, khelp_osd*) { g_signal_emit(emitter, signal, 0, &event); }
};

// An object with four data, of which one is asked for.
struct keyed_object {
  GObject* object = static_cast<GObject*>(g_object_new(G_TYPE_OBJECT, nullptr));
  GQuark asked = 0;

  keyed_object() {
    for (const char* key : {"bench-1", "bench-2", "bench-3", "bench-4"}) {
      asked = g_quark_from_static_string(key);
      g_object_set_qdata(object, asked, this);
    }
  }
};

void get_qdata(long n) {
  static const keyed_object keyed;
  for (long i = 0; i < n; ++i)
    keep(g_object_get_qdata(keyed.object, keyed.asked));
}

constexpr const char* name = "GObject signal";
const adds_rows gobject{
    idle<gobject_point>(name),
    callbacks<gobject_point>(name),
    two_threads<gobject_point>(name),
    removal<gobject_point>(name, role::peer, "does not wait for who is inside"),
    {{"another helper's data by id", "GObject qdata, 4 keys", role::peer, "", nullptr, get_qdata}},
};

}  // namespace
