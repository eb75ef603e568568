/* Loading of libraries on first use. Invariant: a library that was loaded stays, with its functions in
 * constant slots; one that was refused is tried again at the next use, as a lack of descriptors passes. One lock for all,
 * taken only until it is loaded. Linking them was
 * not taken: every start of every program would pay for their relocation, TLS above all. */
#include "src/host/lib.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* NULL, or the name of what is missing. */
static const char *fill(const rl_lib *l, void *so) {
    for (const rl_lib_func *f = l->funcs; f->name; f++) {
        void *p = dlsym(so, f->name);
        if (!p) return f->name;
        memcpy(f->slot, &p, sizeof p);
    }
    return NULL;
}

/* Why it was not opened, unless it is not there. */
static const char *reason(void) {
    const char *text = dlerror(), *last = text ? strrchr(text, ':') : NULL;
    return last && strcmp(last, ": No such file or directory") ? last : "";
}

static bool load(rl_lib *l) {
    void *so = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
    const char *missing = so ? fill(l, so) : NULL;
    if (so && !missing && (!l->init || l->init())) return true;
    if (!l->why[0]) /* once, as others may be reading it */
        snprintf(l->why, sizeof l->why, missing ? "%s needs a newer %s (Debian package %s): it lacks %s"
                 : so ? "%s: %s (Debian package %s) cannot be initialised" : "%s needs the library %s (Debian package %s)%s",
                 l->purpose, l->file, l->package, missing ? missing : so ? "" : reason());
    return false;
}

rl_err rl_lib_open(rl_lib *l) {
    /* acquire: pairs with the release below; the slots are filled */
    bool loaded = atomic_load_explicit(&l->loaded, memory_order_acquire);
    if (!loaded) {
        pthread_mutex_lock(&lock);
        if (!(loaded = atomic_load_explicit(&l->loaded, memory_order_relaxed)) && (loaded = load(l)))
            /* release: pairs with the acquire above */
            atomic_store_explicit(&l->loaded, true, memory_order_release);
        pthread_mutex_unlock(&lock);
    }
    return loaded ? RL_OK : RL_ERR_NOTFOUND;
}
