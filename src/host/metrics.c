/* lunatic::metrics: without an exporter the calls only check their names. Reference: section 8.14. */
#include "src/host/guest.h"

void rl_host_metrics_counter(rl_host *h, i32 ptr, i32 len, i64 value) { (void)value, (void)rl_guest_text(h, ptr, len); }
void rl_host_metrics_increment_counter(rl_host *h, i32 ptr, i32 len) { (void)rl_guest_text(h, ptr, len); }
void rl_host_metrics_gauge(rl_host *h, i32 ptr, i32 len, double value) { (void)value, (void)rl_guest_text(h, ptr, len); }
void rl_host_metrics_increment_gauge(rl_host *h, i32 ptr, i32 len, double value) { (void)value, (void)rl_guest_text(h, ptr, len); }
void rl_host_metrics_decrement_gauge(rl_host *h, i32 ptr, i32 len, double value) { (void)value, (void)rl_guest_text(h, ptr, len); }
void rl_host_metrics_histogram(rl_host *h, i32 ptr, i32 len, double value) { (void)value, (void)rl_guest_text(h, ptr, len); }
