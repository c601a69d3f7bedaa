#pragma once
/*
 * rt_slices -- what an operator keeps while it is saved in slices: which save it is, where it is, what went wrong.
 *
 *     begin ──▶ some, rows of the stream, some, ... ──▶ end: CEP_OK or the first failure; or end at once: given up
 *
 * Rows that waited come first, then what the operator keeps: groups, keys, rows. Each of these says which save it is in, or came after
 * (rt_group.saved and the like); one that is about to change or to go, and is not in this one yet, is written first by its operator. So what is put
 * out is, as a set of entries, what a save at once would have put out at the moment of the beginning (tests/runtime/rt_slice_test.c).
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "runtime/rt_wait.h"
#include "state/sto.h"

enum { RT_SLICES_LOOK = 8 /* of a group that is written already, in bytes: a line that has to be fetched */ };

struct rt_slices {
    bool open;
    uint16_t number;            /* of it, or of the last one; 0 = there was none */
    uint64_t n_rows;            /* entries put out whose keys are running numbers */
    uint32_t at;                /* groups of the table before it are written, or changed places with such */
    size_t done;                /* bytes of this slice */
    enum cep_rc rc;             /* the first failure, also of a write that a row asked for */
    struct cep_err err;         /* its error */
    struct base_buf key, value; /* scratch of those who write */
    /* Its own. */
    struct sto_out out;
    struct rt_wait_copy rows;
};

/* Zeros are one that has not begun. `wait` says which rows wait now; they do not change, the copy holds their batches. NULL: none do. */
void rt_slices_begin(struct rt_slices *s, const struct rt_wait *wait, const struct sto_out *out);
/* Where entries go, counted. Valid as long as `s`. */
struct sto_out rt_slices_out(struct rt_slices *s);
/*
 * Goes on for about so many bytes: `row` writes one that waited, `next` looks at one more of what comes then and returns false when there is no more;
 * both leave failures in s->rc. `row` may be NULL where none waits. Returns: CEP_AGAIN; else it is over, and the caller ends it.
 */
enum cep_rc rt_slices_some(struct rt_slices *s, size_t bytes,
    void (*row)(void *arg, uint32_t input, const struct evt_batch *b, uint32_t row), bool (*next)(void *arg),
    void *arg, struct cep_err *err);
/* Returns: false when none was open. */
bool rt_slices_end(struct rt_slices *s);
void rt_slices_release(struct rt_slices *s);
