/// Which memory a run writes.
#pragma once

/// How many cache lines outside their stacks two threads both write when each runs `loop` once: what
/// threads on one point take from each other's caches.
double lines_both_write(void (*loop)(long));
