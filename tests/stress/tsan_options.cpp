// For programs that fork. ThreadSanitizer's deadlock detector can follow 64 locks of one thread,
// and dies at the next; around a fork the library holds all it has.
#if defined(__SANITIZE_THREAD__)
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {  // NOLINT
  return "detect_deadlocks=0";
}
#endif
