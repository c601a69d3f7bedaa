#pragma once
/*
 * clu_kit -- what tests of connections need: waiting for something to become true, certificates made on the spot, and a relay
 * that cuts, delays and stops what goes through it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_loop.h"
#include "cluster/clu_tls.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Waits until the expression holds; fails after 20 s. Only for what other threads change. */
#define KIT_WAIT(e)                                         \
    do {                                                    \
        for (int kit_i = 0; !(e) && kit_i < 20000; kit_i++) \
            usleep(1000);                                   \
        assert_true(e);                                     \
    } while (0)

struct clu_loop *kit_loop(void);

/* A folder with ca.pem, a.pem, a.key, b.pem, b.key signed by it, and other.pem, other.key signed by another authority. */
struct kit_certs {
    char dir[64];
    char paths[7][96];
    struct clu_security a, b, other; /* `other` trusts ca, but ca did not sign it */
};
void kit_certs_make(struct kit_certs *c);
void kit_certs_remove(struct kit_certs *c);

/*
 * Listens on a port of its own and passes on to `to`. Its knobs may be turned at any time, by any thread.
 */
struct kit_relay {
    uint16_t port; /* where it listens */
    uint16_t to;
    atomic_bool stopped_up,
        stopped_down;        /* nothing passes, nothing is closed: a cable pulled. up: from who connected */
    atomic_int bytes_per_ms; /* each way; 0 = no limit */
    atomic_int flip_after;   /* upwards: the byte so many from now has a bit turned over; -1 = none */
    atomic_int connections;
    /* Its own. */
    void *impl;
};
void kit_relay_start(struct kit_relay *r, uint16_t to);
/* Whoever is connected is cut off. */
void kit_relay_cut(struct kit_relay *r);
void kit_relay_stop(struct kit_relay *r);

/* A plain socket to a port on 127.0.0.1; and all that comes from it until it is closed (20 s at most). */
int kit_connect(uint16_t port);
size_t kit_read_all(int fd, char *out, size_t size);
