#pragma once
/*
 * clu_finding -- the address of a host's name, without making the loop wait for a name server.
 *
 * A number is found at once; a name by a thread that lives as long as the question.
 */
#include "cluster/clu_address.h"
#include "cluster/clu_loop.h"

struct clu_finding;

/* In the loop. found() comes later, there too, once; rc and `err` are clu_address_find()'s. */
struct clu_finding *clu_finding_new(struct clu_loop *loop, const char *address, const char *what,
    void (*found)(void *arg, enum cep_rc rc, const struct clu_address *at, const struct cep_err *err),
    void *arg);
/* Whether or not found() has come: it will not any more. In the loop. NULL is fine. */
void clu_finding_drop(struct clu_finding *f);
