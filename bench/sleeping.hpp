/// What it takes to put a thread to sleep and wake it, beside a bare futex. Prints lines as
/// threads.hpp says.
#pragma once

void measure_sleeping();
