#pragma once
/*
 * clu_registry -- the jobs of a cluster, as a coordinator that comes back finds them.
 *
 *     spec/ID    the submission as JSON (clu_spec.h), written once
 *     state/ID   u8 2, u8 state, zigzag created, zigzag since, varint attempt, varint parallelism, str failure, str savepoint,
 *                varint n, n times {str worker, str data address}; version 1 ends before n
 *
 * Where a job goes on from is not here: that is the newest whole checkpoint in its folder. What is here is that it is to go
 * on at all, and which attempts there were: an attempt is on disk before a worker hears of it, so that its number is never
 * given twice, and which workers may still run the last one: they have to be heard of, or their leases to be over, before the next begins.
 *
 * Threads: any.
 */
#include "base/base_buf.h"
#include "cep/error.h"
#include "runtime/rt_restart.h"

enum { CLU_ID = 32 }; /* hex digits of a job's id */

struct clu_record_worker {
    char *id, *address; /* owned */
};

struct clu_record {
    char id[CLU_ID + 1];
    enum rt_state state;
    int64_t created_us, since_us;      /* wall clock */
    uint32_t attempt;                  /* the last one; 0 = none yet */
    uint32_t parallelism;              /* after a rescale; 0 = as submitted */
    char *failure, *savepoint;         /* owned; NULL = none. The last failure; what it was stopped with */
    struct clu_record_worker *workers; /* owned; of the attempt, until it is known to be over */
    uint32_t n_workers;
};

void clu_record_release(struct clu_record *r);
void clu_record_add_worker(struct clu_record *r, const char *id, const char *address);
void clu_record_no_workers(struct clu_record *r);
void clu_record_pack(const struct clu_record *r, struct base_buf *b);
/* Returns: CEP_EDAMAGED, CEP_EVERSION. */
enum cep_rc clu_record_unpack(struct clu_record *r, struct base_str bytes, struct cep_err *err);

struct clu_registry;

/* Returns: CEP_ESTATE when another coordinator has it. */
enum cep_rc clu_registry_open(const char *dir, struct clu_registry **out, struct cep_err *err);
void clu_registry_close(struct clu_registry *r); /* NULL is fine */
enum cep_rc clu_registry_put_spec(
    struct clu_registry *r, const char *id, struct base_str json, struct cep_err *err);
enum cep_rc clu_registry_put(struct clu_registry *r, const struct clu_record *record, struct cep_err *err);
enum cep_rc clu_registry_remove(struct clu_registry *r, const char *id, struct cep_err *err);
/* Every job, by id. `record` is fn's to release; `spec` is borrowed, empty when it is missing. */
typedef enum cep_rc (*clu_registry_fn)(
    void *arg, struct clu_record *record, struct base_str spec, struct cep_err *err);
enum cep_rc clu_registry_each(struct clu_registry *r, clu_registry_fn fn, void *arg, struct cep_err *err);
