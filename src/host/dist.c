/* lunatic::distributed outside a cluster: this node is 0 and there are no others. Reference: section 8.11. */
#include "src/host/guest.h"

i32 rl_host_distributed_nodes_count(rl_host *h) { return (void)h, 0; }
i64 rl_host_distributed_node_id(rl_host *h) { return (void)h, 0; }
i64 rl_host_distributed_module_id(rl_host *h) { return (void)h, 0; }
i32 rl_host_distributed_get_nodes(rl_host *h, i32 ptr, i32 len) { return (void)h, (void)ptr, (void)len, 0; }
