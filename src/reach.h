/* What of the network a process may reach: rules of a configuration, and those of everybody it descends from. */
#ifndef RL_REACH_H
#define RL_REACH_H

#include <stdatomic.h>

#include "src/addr.h"
#include "src/base/err.h"

typedef enum rl_reach_use { RL_REACH_LISTEN = 1, RL_REACH_CONNECT = 2 } rl_reach_use;

/* NULL is no rules at all: every address may be reached, but no Unix socket, as those lie among files. Otherwise what a
 * rule names, and only as far as `above` allows it too. Without rules: nothing. */
typedef struct rl_reach rl_reach;

/* Nothing yet. above may be NULL; takes a reference. NULL: out of memory. */
rl_reach *rl_reach_new(rl_reach *above);
/* The rules of r, under another `above`. */
rl_reach *rl_reach_under(const rl_reach *r, rl_reach *above);
/* How many are above it. */
u32 rl_reach_depth(const rl_reach *r);
rl_reach *rl_reach_get(rl_reach *r); /* NULL is fine, here and below */
void rl_reach_put(rl_reach *r);

/* Adds rules, before anybody runs with r: a list, separated by commas, of
 *
 *   listen=HOST[:PORTS]  connect=HOST[:PORTS]  listen=unix:PATH  connect=unix:PATH
 *
 * HOST: *, 10.0.0.1, 10.0.0.0/8, [::1], [fd00::]/8, example.com, *.example.com; to listen on no names but localhost.
 * PORTS: 80, 8000-8099, *; without, all. PATH: of a Unix socket; with a slash at its end all beneath; @NAME: an abstract
 * one. Or `all`, Unix sockets too, or `none`, which is no rule. RL_ERR_USAGE: d says what is wrong. */
rl_err rl_reach_add(rl_reach *r, const char *text, size_t len, rl_diag *d);

bool rl_reach_allows(const rl_reach *r, rl_reach_use use, const rl_addr *a);
/* Whether a Unix socket of that name, resolved (src/upath.h), may be used so. */
bool rl_reach_allows_path(const rl_reach *r, rl_reach_use use, const char *path);
/* Whether some address of a host of that name could be connected to. */
bool rl_reach_asks(const rl_reach *r, const char *host);
/* a is an address of the host: rules for its name are rules for a from now on. */
void rl_reach_learn(rl_reach *r, const char *host, const rl_addr *a);
/* True once: the first refusal is to be reported. */
bool rl_reach_first(rl_reach *r);

#endif
