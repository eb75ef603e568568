/* How far one name is from another, for suggestions. */
#ifndef RL_EDITS_H
#define RL_EDITS_H

#include "src/base/base.h"

#define RL_EDITS_MAX 64u /* bytes of a name that are looked at */

/* Edits (insert, delete, replace, swap neighbours) that turn the one into the other. */
u32 rl_edits(const char *a, size_t na, const char *b, size_t nb);

#endif
