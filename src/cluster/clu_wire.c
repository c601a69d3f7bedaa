/*
 * clu_wire -- see clu_wire.h.
 */
#include "cluster/clu_wire.h"

#include "base/base_mem.h"
#include "cluster/clu_http.h"
#include "event/evt_type.h"

#include <stdio.h>
#include <string.h>

enum { PEERS_FIRST = 16 };

void clu_wire_look(struct clu_data *data, struct clu_wire *out) {
    uint32_t room = PEERS_FIRST, n;
    *out = (struct clu_wire){ .peers = base_calloc(room, sizeof *out->peers) };
    clu_data_stats(data, &out->all);
    while ((n = clu_data_peer_stats(data, out->peers, room)) > room) {
        room = n;
        out->peers = base_realloc(out->peers, room * sizeof *out->peers);
    }
    out->n_peers = n;
}

void clu_wire_release(struct clu_wire *w) {
    base_free(w->peers);
    *w = (struct clu_wire){ .peers = NULL };
}

void clu_wire_copy(struct clu_wire *to, const struct clu_wire *from) {
    *to = *from;
    to->peers = base_calloc(from->n_peers + (size_t)1, sizeof *to->peers);
    if (from->n_peers > 0)
        memcpy(to->peers, from->peers, from->n_peers * sizeof *to->peers);
}

/* -- as a message -------------------------------------------------------------------------------------------------------- */

static void pack_counts(const struct clu_data_counts *c, Clu__WireCounts *pb) {
    clu__wire_counts__init(pb);
#define PACK(name, what)          \
    pb->name##_in = c->name##_in; \
    pb->name##_out = c->name##_out;
    CLU_DATA_COUNT_LIST(PACK)
#undef PACK
}

static void unpack_counts(const Clu__WireCounts *pb, struct clu_data_counts *c) {
    if (!pb)
        return;
#define UNPACK(name, what)        \
    c->name##_in = pb->name##_in; \
    c->name##_out = pb->name##_out;
    CLU_DATA_COUNT_LIST(UNPACK)
#undef UNPACK
}

void clu_wire_send(struct clu_link *link, const struct clu_wire *w) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Wire wire = CLU__WIRE__INIT;
    Clu__WireCounts all, *counts = base_calloc(w->n_peers + (size_t)1, sizeof *counts);
    Clu__WirePeer *peers = base_calloc(w->n_peers + (size_t)1, sizeof *peers);
    Clu__WirePeer **list = base_calloc(w->n_peers + (size_t)1, sizeof(Clu__WirePeer *));
    for (uint32_t i = 0; i < w->n_peers; i++) {
        const struct clu_data_peer_stat *p = &w->peers[i];
        pack_counts(&p->counts, &counts[i]);
        clu__wire_peer__init(&peers[i]);
        peers[i].worker = p->worker;
        peers[i].open = p->open;
        peers[i].counts = &counts[i];
        peers[i].connections = p->connections;
        peers[i].channels = p->channels;
        peers[i].waiting = p->waiting;
        peers[i].credits = p->credits;
        list[i] = &peers[i];
    }
    pack_counts(&w->all.counts, &all);
    wire.counts = &all;
    wire.connections = w->all.connections;
    wire.broken = w->all.broken;
    wire.refused = w->all.refused;
    wire.n_peers = w->n_peers;
    wire.peers = list;
    msg.body_case = CLU__MSG__BODY_WIRE;
    msg.wire = &wire;
    (void)clu_link_send(link, &msg);
    base_free(list);
    base_free(peers);
    base_free(counts);
}

void clu_wire_read(const Clu__Wire *msg, struct clu_wire *out) {
    *out = (struct clu_wire){ .n_peers = (uint32_t)msg->n_peers };
    unpack_counts(msg->counts, &out->all.counts);
    out->all.connections = msg->connections;
    out->all.broken = msg->broken;
    out->all.refused = msg->refused;
    out->peers = base_calloc(msg->n_peers + 1, sizeof *out->peers);
    for (uint32_t i = 0; i < out->n_peers; i++) {
        const Clu__WirePeer *from = msg->peers[i];
        struct clu_data_peer_stat *to = &out->peers[i];
        (void)snprintf(to->worker, sizeof to->worker, "%s", from->worker);
        unpack_counts(from->counts, &to->counts);
        to->open = from->open;
        to->connections = from->connections;
        to->channels = from->channels;
        to->waiting = from->waiting;
        to->credits = from->credits;
        out->all.open += from->open;
    }
}

/* -- shown ----------------------------------------------------------------------------------------------------------------- */

static void put_counts(const struct clu_data_counts *c, struct base_buf *out) {
#define PUT(name, what)                                                                                     \
    base_buf_printf(out, "\"" #name "-in\":%llu,\"" #name "-out\":%llu,", (unsigned long long)c->name##_in, \
        (unsigned long long)c->name##_out);
    CLU_DATA_COUNT_LIST(PUT)
#undef PUT
}

void clu_wire_write_json(const struct clu_wire *w, struct base_buf *out) {
    base_buf_putc(out, '{');
    put_counts(&w->all.counts, out);
    base_buf_printf(out, "\"connections\":%llu,\"broken\":%llu,\"refused\":%llu,\"open\":%u,\"peers\":[",
        (unsigned long long)w->all.connections, (unsigned long long)w->all.broken,
        (unsigned long long)w->all.refused, w->all.open);
    for (uint32_t i = 0; i < w->n_peers; i++) {
        const struct clu_data_peer_stat *p = &w->peers[i];
        base_buf_puts(out, i ? ",{\"worker\":" : "{\"worker\":");
        evt_json_write_str(out, base_str_of(p->worker));
        base_buf_printf(out, ",\"open\":%s,", p->open ? "true" : "false");
        put_counts(&p->counts, out);
        base_buf_printf(out, "\"connections\":%llu,\"channels\":%u,\"waiting\":%u,\"credits\":%llu}",
            (unsigned long long)p->connections, p->channels, p->waiting, (unsigned long long)p->credits);
    }
    base_buf_puts(out, "]}");
}

struct metric {
    const char *name, *type, *help;
    uint64_t (*of_worker)(const struct clu_wire *w); /* this or the next */
    uint64_t (*of_peer)(const struct clu_data_peer_stat *p);
};

#define COUNTED(name, what)                                          \
    static uint64_t name##_in(const struct clu_data_peer_stat *p) {  \
        return p->counts.name##_in;                                  \
    }                                                                \
    static uint64_t name##_out(const struct clu_data_peer_stat *p) { \
        return p->counts.name##_out;                                 \
    }
CLU_DATA_COUNT_LIST(COUNTED)
#undef COUNTED

static uint64_t connections(const struct clu_data_peer_stat *p) {
    return p->connections;
}
static uint64_t channels(const struct clu_data_peer_stat *p) {
    return p->channels;
}
static uint64_t waiting(const struct clu_data_peer_stat *p) {
    return p->waiting;
}
static uint64_t credits(const struct clu_data_peer_stat *p) {
    return p->credits;
}
static uint64_t broken(const struct clu_wire *w) {
    return w->all.broken;
}
static uint64_t refused(const struct clu_wire *w) {
    return w->all.refused;
}

static const struct metric metrics[] = {
#define ROWS(name, what)                                                                            \
    { "cepd_wire_" #name "_in_total", "counter", what ", from the other worker", NULL, name##_in }, \
        { "cepd_wire_" #name "_out_total", "counter", what ", to the other worker", NULL, name##_out },
    CLU_DATA_COUNT_LIST(ROWS)
#undef ROWS
        { "cepd_wire_connections_total", "counter",
            "connections made with the other worker; all but the first are reconnects", NULL, connections },
    { "cepd_wire_channels", "gauge", "channels of jobs in it, both ways", NULL, channels },
    { "cepd_wire_channels_waiting", "gauge", "channels that have something to send and wait for credits",
        NULL, waiting },
    { "cepd_wire_credits", "gauge", "elements that may be sent before the other worker grants more", NULL,
        credits },
    { "cepd_wire_broken_total", "counter", "connections lost", broken, NULL },
    { "cepd_wire_refused_total", "counter",
        "connections closed for malformed frames, another version, a wrong token", refused, NULL },
};

void clu_wire_write_metrics(
    const char *const *workers, const struct clu_wire *wires, uint32_t n, struct base_buf *out) {
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics && n > 0; m++) {
        clu_prom_head(out, metrics[m].name, metrics[m].type, metrics[m].help);
        for (uint32_t i = 0; i < n; i++) {
            struct base_str labels[] = { BASE_STR("worker"), base_str_of(workers[i]), BASE_STR("peer"),
                BASE_STR("") };
            if (metrics[m].of_worker)
                clu_prom_value(out, metrics[m].name, labels, 1, (double)metrics[m].of_worker(&wires[i]));
            for (uint32_t p = 0; metrics[m].of_peer && p < wires[i].n_peers; p++) {
                labels[3] = base_str_of(wires[i].peers[p].worker);
                clu_prom_value(
                    out, metrics[m].name, labels, 2, (double)metrics[m].of_peer(&wires[i].peers[p]));
            }
        }
    }
}

void clu_wire_write_control(const struct clu_link_stats *s, struct base_buf *out) {
    const struct {
        const char *name, *type, *help;
        uint64_t v;
    } rows[] = {
        { "cepd_control_bytes_in_total", "counter", "bytes from workers", s->bytes_in },
        { "cepd_control_bytes_out_total", "counter", "bytes to workers", s->bytes_out },
        { "cepd_control_connections_total", "counter", "workers that came, each time they came",
            s->connections },
        { "cepd_control_lost_total", "counter", "control connections that went down", s->lost },
        { "cepd_control_refused_total", "counter",
            "connections closed in their greeting (no cepd, another version, a wrong token) or for malformed "
            "frames",
            s->refused },
        { "cepd_control_connections", "gauge", "control connections now", s->open },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clu_prom_head(out, rows[i].name, rows[i].type, rows[i].help);
        clu_prom_value(out, rows[i].name, NULL, 0, (double)rows[i].v);
    }
}
