/* lunatic::version: the version of the interface this runtime follows, not its own. Reference: section 8.13. */
#include "src/host/table.h"

i32 rl_host_version_major(rl_host *h) { return (void)h, 0; }
i32 rl_host_version_minor(rl_host *h) { return (void)h, 13; }
i32 rl_host_version_patch(rl_host *h) { return (void)h, 2; }
