// Processes, around a fork: the list is whole in the child, which is another process.
#pragma once

namespace khelp {

void procs_fork_prepare();
void procs_fork_parent();
void procs_fork_child();

}  // namespace khelp
