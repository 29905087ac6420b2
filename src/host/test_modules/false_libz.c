// A library that says that it is libz, and has a function and a version that no libz has.
void of_the_future(void);
__attribute__((visibility("default"))) void of_the_future(void) {}
