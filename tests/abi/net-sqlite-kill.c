// A process killed in the middle of a query that never ends, with a transaction open: the query stops, what it wrote is rolled back, and
// the database is free for others soon.
#include "net-sqlite.h"

EXPORT("endless") void endless(int64_t parent) {
    uint64_t c = db("data.db");
    must(c, "begin immediate; insert into t values (2)");
    send_i64(parent, 0, 0);
    run_sql(c, "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n");
    say("the query came to its end");
}

int main(void) {
    uint64_t c = db("data.db");
    must(c, "create table t(a); insert into t values (1)");
    uint64_t child = spawn_linked(7, "endless", self());
    process_die_when_link_dies(0);
    next_i64();
    say("while it runs: %u", run_sql(c, "insert into t values (3)"));
    process_sleep_ms(50);
    process_kill(child);
    say("link %u", receive(FOREVER));
    uint32_t result = 5;
    for (int i = 0; i < 500 && result == 5; i++, process_sleep_ms(10)) result = run_sql(c, "insert into t values (4)");
    say("after it was killed: %u", result);
    uint64_t s = prep(c, "select count(*), sum(a) from t");
    sql_step(s);
    show_row("kept:", s);
    return 0;
}
