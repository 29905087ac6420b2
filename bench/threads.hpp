/// Figures that need several threads. Prints lines "name TAB value TAB limit TAB unit", the limit
/// with its sense (">=0.90"), or nothing where it is only shown.
#pragma once

void measure_threads();
