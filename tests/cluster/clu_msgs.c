/* clu_msgs -- see clu_msgs.h. */
#include "tests/cluster/clu_msgs.h"

void clu_msgs_init(struct clu_msgs *m) {
    *m = (struct clu_msgs){ .n = 0 };
    assert_int_equal(pthread_mutex_init(&m->mutex, NULL), 0);
}

void clu_msgs_release(struct clu_msgs *m) {
    for (size_t i = 0; i < m->n; i++)
        clu__msg__free_unpacked(m->v[i], NULL);
    (void)pthread_mutex_destroy(&m->mutex);
}

void clu_msgs_add(struct clu_msgs *m, const Clu__Msg *msg) {
    if (msg->body_case == CLU__MSG__BODY_REPORT || msg->body_case == CLU__MSG__BODY_WIRE)
        return;
    size_t n = clu__msg__get_packed_size(msg);
    uint8_t *bytes = base_alloc(n + 1);
    (void)clu__msg__pack(msg, bytes);
    (void)pthread_mutex_lock(&m->mutex);
    assert_true(m->n < MSGS_MAX);
    m->v[m->n] = clu__msg__unpack(NULL, n, bytes);
    assert_non_null(m->v[m->n]);
    m->n++;
    (void)pthread_mutex_unlock(&m->mutex);
    base_free(bytes);
}

/* Requires: the lock. Returns: m->n: there is none. */
static size_t find(const struct clu_msgs *m, int kind, uint32_t region, uint32_t attempt) {
    for (size_t i = 0; i < m->n; i++)
        if ((int)m->v[i]->body_case == kind && m->v[i]->part && m->v[i]->part->region == region &&
            m->v[i]->part->attempt == attempt)
            return i;
    return m->n;
}

bool clu_msgs_has(struct clu_msgs *m, int kind, uint32_t region, uint32_t attempt) {
    (void)pthread_mutex_lock(&m->mutex);
    bool has = find(m, kind, region, attempt) < m->n;
    (void)pthread_mutex_unlock(&m->mutex);
    return has;
}

uint32_t clu_msgs_count(struct clu_msgs *m, int kind) {
    uint32_t n = 0;
    (void)pthread_mutex_lock(&m->mutex);
    for (size_t i = 0; i < m->n; i++)
        n += (int)m->v[i]->body_case == kind;
    (void)pthread_mutex_unlock(&m->mutex);
    return n;
}

Clu__Msg *clu_msgs_take(struct clu_msgs *m, int kind, uint32_t region, uint32_t attempt) {
    for (int i = 0; !clu_msgs_has(m, kind, region, attempt) && i < 20000; i++)
        usleep(1000);
    (void)pthread_mutex_lock(&m->mutex);
    size_t at = find(m, kind, region, attempt);
    if (at == m->n) {
        for (size_t i = 0; i < m->n; i++)
            print_error("there is a message of kind %d, region %u, attempt %u\n", (int)m->v[i]->body_case,
                m->v[i]->part ? m->v[i]->part->region : 0, m->v[i]->part ? m->v[i]->part->attempt : 0);
        (void)pthread_mutex_unlock(&m->mutex);
        fail_msg("no message of kind %d came for region %u, attempt %u", kind, region, attempt);
    }
    Clu__Msg *msg = m->v[at];
    memmove(m->v + at, m->v + at + 1, (--m->n - at) * sizeof *m->v);
    (void)pthread_mutex_unlock(&m->mutex);
    return msg;
}

void clu_msgs_wait(struct clu_msgs *m, int kind, uint32_t region, uint32_t attempt) {
    clu__msg__free_unpacked(clu_msgs_take(m, kind, region, attempt), NULL);
}
