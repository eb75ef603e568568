// What SQLite opens by itself stays beneath the granted directories as well (Q42): ATTACH, VACUUM INTO and links do not lead out, a link
// inside is refused too, a pipe is no database, settings of the whole library are not the guest's, and journal_mode=WAL, which needs
// memory that a guest could pull away, stays off.
#include "net-sqlite.h"

static void text_of(uint64_t c, const char *label, const char *sql) {
    uint64_t s = prep(c, sql), len;
    const uint8_t *p;
    char line[200];
    if (sql_step(s) != 100) { say("%s: no row", label); return; }
    p = sql_read_column(s, 0, &len);
    show_value(&p, line, sizeof line);
    say("%s: %s", label, line);
    sql_finalize(s);
}

int main(void) {
    static const char *const refused[] = {
        "attach '/etc/passwd' as a", "attach '../outside.db' as a", "attach 'link-out.db' as a", "attach 'link-in.db' as a",
        "attach 'dir-out/x.db' as a", "attach 'pipe' as a", "vacuum into '../copy.db'", "vacuum into 'dir-out/copy.db'",
        "vacuum into 'link-new.db'", "pragma temp_store_directory = '/tmp'", "select load_extension('x')",
    };
    uint64_t id, c = db("data.db");
    must(c, "create table t(a); insert into t values (1)");
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++)
        say("%s: %s", refused[i], run_sql(c, refused[i]) ? "refused" : "done");
    say("link as a database: %llu", sql_open("link-out.db", 11, &id));
    say("pipe as a database: %llu", sql_open("pipe", 4, &id));
    say("vacuum into inside: %u", run_sql(c, "vacuum into 'sub/copy.db'"));
    must(c, "attach 'sub/copy.db' as copy");
    text_of(c, "copied", "select a from copy.t");
    text_of(c, "journal", "pragma journal_mode = wal");
    must(c, "begin; insert into t values (2); insert into copy.t values (2); commit");
    text_of(c, "both", "select (select count(*) from main.t) + (select count(*) from copy.t)");
    must(c, "create temp table big(a); insert into big select randomblob(1000) from (with recursive n(i) as (select 1 union all "
            "select i + 1 from n where i < 3000) select i from n)");
    text_of(c, "spilt", "select count(*) from big");
    return 0;
}
