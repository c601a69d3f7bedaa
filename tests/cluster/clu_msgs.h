#pragma once
/* clu_msgs -- control messages that came, kept until a test asks for them. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_link.h"

#include <pthread.h>

enum { MSGS_MAX = 1024 };

struct clu_msgs {
    pthread_mutex_t mutex;
    Clu__Msg *v[MSGS_MAX]; /* owned; in order of arrival, without those that were taken */
    size_t n;
};

void clu_msgs_init(struct clu_msgs *m);
void clu_msgs_release(struct clu_msgs *m);
void clu_msgs_add(struct clu_msgs *m, const Clu__Msg *msg); /* copies; reports are left out */
/*
 * The oldest of that kind (Clu__Msg.body_case) of a part of that region and attempt; fails after 20 s. The caller frees it: clu__msg__free_unpacked().
 */
Clu__Msg *clu_msgs_take(struct clu_msgs *m, int kind, uint32_t region, uint32_t attempt);
/* The same, and frees it. */
void clu_msgs_wait(struct clu_msgs *m, int kind, uint32_t region, uint32_t attempt);
bool clu_msgs_has(struct clu_msgs *m, int kind, uint32_t region, uint32_t attempt);
/* Of any part. */
uint32_t clu_msgs_count(struct clu_msgs *m, int kind);
