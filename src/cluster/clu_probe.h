#pragma once
/*
 * clu_probe -- does a process still listen where it said it would?
 *
 * Only a connection that is refused says no: the process is not there any more. No answer, or any other, says nothing, and neither does an
 * address that is a name: it is not looked up.
 */
#include "cluster/clu_loop.h"

/* Waits for the answer, as long as that. Any thread but the loop's. */
bool clu_probe_refuses(const char *address, int64_t patience_us);

struct clu_probe;

/* The same without waiting: in the loop. told() comes later, there too, once. */
struct clu_probe *clu_probe_new(struct clu_loop *loop, const char *address, int64_t patience_us,
    void (*told)(void *arg, bool refused), void *arg);
/* told() does not come any more. In the loop, also in told(). NULL is fine. */
void clu_probe_drop(struct clu_probe *p);
