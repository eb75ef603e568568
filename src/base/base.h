/* Integer names, assertions and the few macros everybody needs. */
#ifndef RL_BASE_H
#define RL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

#define RL_LIKELY(x) __builtin_expect(!!(x), 1)
#define RL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define RL_COLD __attribute__((cold)) /* hardly ever called: what leads there is kept out of the way as well */
/* Reads counters that other threads go on writing: an old value does no harm there. */
#define RL_RACY __attribute__((noinline, no_sanitize("thread")))
#define RL_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define RL_CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define RL_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RL_MAX(a, b) ((a) > (b) ? (a) : (b))
#define RL_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* A broken invariant is our bug: say where and stop. Always on; hot paths use rl_check. */
_Noreturn void rl_assert_failed(const char *what, const char *file, int line);
#define rl_assert(c) (RL_LIKELY(c) ? (void)0 : rl_assert_failed(#c, __FILE__, __LINE__))

/* Like rl_assert, but only in builds with -Dinvariants=true. */
#ifdef RL_INVARIANTS
#define rl_check(c) rl_assert(c)
#else
#define rl_check(c) ((void)0)
#endif

static inline u64 rl_align(u64 n, u64 to) { return (n + to - 1) & ~(to - 1); }

static inline u32 rl_load32(const void *p) { u32 v; memcpy(&v, p, 4); return v; }
static inline u64 rl_load64(const void *p) { u64 v; memcpy(&v, p, 8); return v; }
static inline void rl_store32(void *p, u32 v) { memcpy(p, &v, 4); }
static inline void rl_store64(void *p, u64 v) { memcpy(p, &v, 8); }

#endif
