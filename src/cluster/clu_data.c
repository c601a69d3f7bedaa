/*
 * clu_data -- parts, peers and who connects to whom; see clu_data.h. What goes through a connection is clu_data_conn.c.
 */
#include "cluster/clu_data.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_data_internal.h"
#include "cluster/clu_finding.h"
#include "cluster/clu_frame.h"
#include "time/clk.h"

#include <event2/event.h>
#include <stdio.h>
#include <unistd.h>

enum {
    TICK_US = 100 * 1000,
    FIRST_RETRY_US = 100 * 1000,
    LAST_RETRY_US = 2 * 1000 * 1000,
    INTERVAL_US = 1000 * 1000,
    TIMEOUT_US = 10 * 1000 * 1000,
    ACCEPTS = 64,
    LEAST_FRAME = 64 << 10,
    MOST_FRAME = 1 << 30
};

static int64_t now_us(void) {
    return clk_mono(clk_system());
}

/* -- peers -------------------------------------------------------------------------------------------------------------- */

static struct data_peer *find_peer(struct clu_data *d, struct base_str name) {
    for (struct data_peer *p = d->peers; p; p = p->next)
        if (base_str_eq(name, base_str_of(p->name)))
            return p;
    return NULL;
}

static struct data_peer *need_peer(struct clu_data *d, struct base_str name, const char *address) {
    struct data_peer *p = find_peer(d, name);
    if (!p) {
        p = base_calloc(1, sizeof *p);
        p->name = base_strndup(name.p, name.len);
        p->address = base_strdup("");
        p->next = d->peers;
        d->peers = p;
    }
    if (address && strcmp(p->address, address) != 0) {
        base_free(p->address);
        p->address = base_strdup(address);
    }
    return p;
}

/* Those that nobody needs and that are not there are forgotten; not at once, for somebody may stand in the midst of the list. */
static void forget_peers(struct clu_data *d) {
    for (struct data_peer **at = &d->peers, *p; (p = *at) != NULL;) {
        if (p->n_chans > 0 || p->conn) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        clu_finding_drop(p->finding);
        base_free(p->name);
        base_free(p->address);
        base_free(p);
    }
}

static void attempt_failed(struct data_peer *p, const struct cep_err *why) {
    p->why = *why;
    p->retry_us = p->retry_us == 0                  ? FIRST_RETRY_US
                  : p->retry_us * 2 < LAST_RETRY_US ? p->retry_us * 2
                                                    : LAST_RETRY_US;
    p->next_try_us = now_us() + p->retry_us;
}

static struct data_conn *new_conn(struct clu_data *d, struct data_peer *p) {
    struct data_conn *c = base_calloc(1, sizeof *c);
    c->data = d;
    c->peer = p;
    c->since_us = now_us();
    return c;
}

static void on_found(void *arg, enum cep_rc rc, const struct clu_address *at, const struct cep_err *err) {
    struct data_peer *p = arg;
    struct clu_data *d = p->data;
    clu_finding_drop(p->finding);
    p->finding = NULL;
    if (rc != CEP_OK) {
        attempt_failed(p, err);
        return;
    }
    p->conn = new_conn(d, p);
    struct clu_stream_opts opts = data_stream_opts(p->conn);
    p->conn->stream = clu_stream_connect(d->loop, at, &opts);
}

/* Of two workers, the one whose name is smaller connects. */
static void maybe_dial(struct clu_data *d, struct data_peer *p) {
    if (p->n_chans == 0 || p->conn || p->finding || strcmp(d->opts.worker, p->name) >= 0 ||
        now_us() < p->next_try_us)
        return;
    p->data = d;
    p->finding = clu_finding_new(d->loop, p->address, "a worker", on_found, p);
}

/* -- connections ---------------------------------------------------------------------------------------------------------- */

static void add_counts(
    struct clu_data_counts *to, const struct clu_data_counts *now, const struct clu_data_counts *seen) {
#define ADD(name, what)                                \
    to->name##_in += now->name##_in - seen->name##_in; \
    to->name##_out += now->name##_out - seen->name##_out;
    CLU_DATA_COUNT_LIST(ADD)
#undef ADD
}

void data_conn_count(struct data_conn *c) {
    if (c->stream)
        clu_stream_counts(c->stream, &c->counts.bytes_in, &c->counts.bytes_out);
    add_counts(&c->data->stats.counts, &c->counts, &c->seen);
    if (c->peer)
        add_counts(&c->peer->counts, &c->counts, &c->seen);
    c->seen = c->counts;
}

static void no_stranger(struct data_conn *c) {
    if (c->before)
        c->before->next = c->next;
    else
        c->data->strangers = c->next;
    if (c->next)
        c->next->before = c->before;
    c->before = c->next = NULL;
}

void data_conn_named(struct data_conn *c, struct base_str name) {
    struct clu_data *d = c->data;
    if (!c->peer) {
        struct data_peer *p = need_peer(d, name, NULL);
        if (p->conn) {
            struct cep_err why = CEP_ERR_INIT;
            (void)base_err_set(&why, CEP_EIO, "it has connected again");
            data_conn_lost(p->conn, &why, why.message);
        }
        no_stranger(c);
        c->peer = p;
        p->conn = c;
    }
    c->up = true;
    c->peer->retry_us = 0;
    c->peer->next_try_us = 0;
    c->peer->connections++;
    d->stats.connections++;
    d->stats.open++;
    for (struct clu_part *part = d->parts; part; part = part->next)
        for (uint32_t i = 0; i < part->n_chans; i++)
            if (part->chans[i].peer == c->peer && !part->chans[i].out)
                data_subscribe(&part->chans[i]);
}

void data_conn_lost(struct data_conn *c, const struct cep_err *why, const char *bye) {
    struct clu_data *d = c->data;
    struct data_peer *p = c->peer;
    bool was_up = c->up;
    if (!p) {
        no_stranger(c);
        data_conn_free(c, bye);
        return;
    }
    p->conn = NULL;
    if (!was_up) {
        attempt_failed(p, why);
    } else {
        struct cep_err told = *why;
        base_err_prefix(&told, "the data connection to worker \"%s\" broke", p->name);
        d->stats.open--;
        d->stats.broken++;
        for (struct clu_part *part = d->parts; part; part = part->next) {
            bool needed = false;
            for (uint32_t i = 0; i < part->n_chans; i++) {
                struct data_chan *chan = &part->chans[i];
                if (chan->peer != p)
                    continue;
                chan->ready = false;
                chan->sub = NULL;
                chan->handle = chan->granted = 0;
                needed = true;
            }
            if (needed)
                data_part_broke(part, &told);
        }
    }
    data_conn_free(c, bye);
}

static void on_accept(evutil_socket_t fd, short what, void *arg) {
    struct clu_data *d = arg;
    (void)what;
    for (int i = 0; i < ACCEPTS; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0)
            return; /* none waits; or no room for it now: it goes on waiting */
        struct data_conn *c = new_conn(d, NULL);
        c->next = d->strangers;
        if (c->next)
            c->next->before = c;
        d->strangers = c;
        struct clu_stream_opts opts = data_stream_opts(c);
        c->stream = clu_stream_accept(d->loop, client, &opts);
    }
}

/* -- time ------------------------------------------------------------------------------------------------------------------- */

static void lost_after(struct data_conn *c, const char *what, int64_t limit_us) {
    struct cep_err why = CEP_ERR_INIT;
    (void)base_err_set(&why, CEP_EIO, "%s for %.1f s", what, (double)limit_us / 1e6);
    data_conn_lost(c, &why, why.message);
}

static void look_after(struct data_conn *c, int64_t now, bool beat) {
    int64_t limit = c->data->opts.heartbeat_timeout_us;
    if (!c->up) {
        if (now - c->since_us > limit)
            lost_after(c, "no greeting came", limit);
        return;
    }
    if (now - clu_stream_heard_us(c->stream) > limit) {
        lost_after(c, "nothing was heard", limit);
        return;
    }
    if (beat) {
        const struct clu_data_msg ping = { .kind = CLU_DATA_PING };
        clu_data_write(clu_stream_out(c->stream), &ping);
        c->counts.frames_out++;
        clu_stream_flush(c->stream);
    }
}

/* Parts that have waited for a connection long enough. */
static void look_after_part(struct clu_part *part, int64_t now) {
    int64_t limit = part->data->opts.heartbeat_timeout_us;
    if (part->broken || now - part->since_us <= limit)
        return;
    for (uint32_t i = 0; i < part->n_chans; i++) {
        struct data_peer *p = part->chans[i].peer;
        if (!p || (p->conn && p->conn->up))
            continue;
        struct cep_err why = CEP_ERR_INIT;
        (void)base_err_set(&why, CEP_EIO, "no data connection to worker \"%s\" (%s) in %.1f s: %s", p->name,
            p->address, (double)limit / 1e6, p->why.message[0] ? p->why.message : "it did not come");
        data_part_broke(part, &why);
        return;
    }
}

static void on_tick(void *arg) {
    struct clu_data *d = arg;
    int64_t now = now_us();
    bool beat = now >= d->beat_us;
    if (beat)
        d->beat_us = now + d->opts.heartbeat_interval_us;
    for (struct data_conn *c = d->strangers, *next; c; c = next) {
        next = c->next;
        look_after(c, now, false);
    }
    for (struct data_peer *p = d->peers; p; p = p->next) {
        maybe_dial(d, p);
        if (p->conn)
            look_after(p->conn, now, beat);
    }
    for (struct clu_part *part = d->parts; part; part = part->next)
        look_after_part(part, now);
    forget_peers(d);
}

/* -- parts -------------------------------------------------------------------------------------------------------------------- */

/* Its channels have nothing to do with anybody any more. */
static void cut_off(struct clu_part *part) {
    for (uint32_t i = 0; i < part->n_chans; i++) {
        struct data_chan *chan = &part->chans[i];
        struct data_peer *p = chan->peer;
        if (!p)
            continue;
        data_unlink(chan);
        chan->peer = NULL;
        p->n_chans--;
    }
}

void data_part_broke(struct clu_part *part, const struct cep_err *why) {
    if (part->broken)
        return;
    part->broken = true;
    cut_off(part);
    part->fns.broken(part->arg, why);
}

static void pump_all(struct clu_data *d) {
    for (struct data_peer *p = d->peers; p; p = p->next)
        if (p->conn && p->conn->ready)
            data_pump(p->conn);
}

/* Channels that were woken since. */
static void on_woken(void *arg) {
    struct clu_data *d = arg;
    struct data_chan *chan = atomic_exchange(&d->woken, NULL);
    while (chan) {
        struct data_chan *next = chan->next_woken;
        atomic_store(&chan->woken, false);
        if (chan->out)
            data_chan_ready(chan);
        else
            data_grant(chan);
        chan = next;
    }
    pump_all(d);
}

static void wake(struct data_chan *chan) {
    struct clu_data *d = chan->part->data;
    if (atomic_exchange(&chan->woken, true))
        return;
    struct data_chan *first = atomic_load(&d->woken);
    do
        chan->next_woken = first;
    while (!atomic_compare_exchange_weak(&d->woken, &first, chan));
    if (!first)
        clu_loop_post(d->loop, on_woken, d);
}

static struct data_chan *chan_of(struct clu_part *part, uint32_t channel) {
    return channel < part->n_by ? part->by_channel[channel] : NULL;
}

void clu_data_wake(struct clu_part *part, uint32_t channel) {
    struct data_chan *chan = chan_of(part, channel);
    if (chan)
        wake(chan);
}

void clu_data_announce(struct clu_part *part, uint32_t channel, uint64_t id) {
    struct data_chan *chan = chan_of(part, channel);
    if (!chan)
        return;
    uint64_t known = atomic_load(&chan->announce);
    while (known < id && !atomic_compare_exchange_weak(&chan->announce, &known, id))
        continue;
    wake(chan);
}

struct attaching {
    struct clu_part *part;
    const struct clu_part_opts *opts;
};

static void do_attach(void *arg) {
    struct attaching *a = arg;
    struct clu_part *part = a->part;
    struct clu_data *d = part->data;
    part->since_us = now_us();
    part->next = d->parts;
    d->parts = part;
    for (uint32_t i = 0; i < part->n_chans; i++) {
        const struct clu_data_channel *from = &a->opts->channels[i];
        struct data_chan *chan = &part->chans[i];
        *chan = (struct data_chan){ .part = part, .channel = from->channel, .out = from->out };
        chan->stat = (struct clu_data_channel_stat){ .channel = from->channel, .out = from->out };
        chan->peer = need_peer(d, base_str_of(from->worker), from->address);
        chan->peer->n_chans++;
        part->by_channel[from->channel] = chan;
        struct data_conn *c = chan->peer->conn;
        if (c && c->up && chan->out)
            data_match(chan);
        else if (c && c->up)
            data_subscribe(chan);
        else
            maybe_dial(d, chan->peer);
    }
    pump_all(d);
}

enum cep_rc clu_data_attach(
    struct clu_data *d, const struct clu_part_opts *opts, struct clu_part **out, struct cep_err *err) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < opts->n_channels; i++) {
        const struct clu_data_channel *c = &opts->channels[i];
        char host[256];
        uint16_t port;
        if (!clu_address_split(c->address, host, sizeof host, &port))
            return base_err_set(err, CEP_EINVAL, "worker \"%s\" has no data address: \"%s\", want HOST:PORT",
                c->worker, c->address);
        if (strcmp(c->worker, d->opts.worker) == 0)
            return base_err_set(
                err, CEP_EINVAL, "channel %u begins and ends at worker \"%s\"", c->channel, c->worker);
        most = c->channel + 1 > most ? c->channel + 1 : most;
    }
    struct clu_part *part = base_calloc(1, sizeof *part);
    *part = (struct clu_part){ .data = d,
        .job = base_strdup(opts->job),
        .attempt = opts->attempt,
        .fns = opts->fns,
        .arg = opts->arg,
        .n_chans = opts->n_channels,
        .n_by = most };
    part->chans = base_calloc(part->n_chans ? part->n_chans : 1, sizeof *part->chans);
    part->by_channel = base_calloc(most ? most : 1, sizeof(struct data_chan *));
    struct attaching a = { part, opts };
    *out = part; /* before a callback may need it */
    clu_loop_call(d->loop, do_attach, &a);
    return CEP_OK;
}

static void do_detach(void *arg) {
    struct clu_part *part = arg;
    struct clu_data *d = part->data;
    on_woken(d); /* none of its channels stays in the list; one that comes back to it finds no peer */
    cut_off(part);
    for (struct clu_part **at = &d->parts; *at; at = &(*at)->next)
        if (*at == part) {
            *at = part->next;
            break;
        }
}

void clu_data_detach(struct clu_part *part) {
    clu_loop_call(part->data->loop, do_detach, part);
}

void clu_part_free(struct clu_part *part) {
    if (!part)
        return;
    clu_data_detach(part);
    base_free(part->job);
    base_free(part->chans);
    base_free(part->by_channel);
    base_free(part);
}

/* -- the whole ---------------------------------------------------------------------------------------------------------------- */

static void on_again(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    pump_all(arg);
}

static void do_start(void *arg) {
    struct clu_data *d = arg;
    d->again = event_new(clu_loop_base(d->loop), -1, 0, on_again, d);
    CEP_INSIST(d->again);
    d->readable = event_new(clu_loop_base(d->loop), d->fd, EV_READ | EV_PERSIST, on_accept, d);
    CEP_INSIST(d->readable && event_add(d->readable, NULL) == 0);
    int64_t tick = d->opts.heartbeat_interval_us < TICK_US ? d->opts.heartbeat_interval_us : TICK_US;
    d->timer = clu_timer_new(d->loop, tick, on_tick, d);
}

enum cep_rc clu_data_start(
    struct clu_loop *loop, const struct clu_data_opts *opts, struct clu_data **out, struct cep_err *err) {
    int fd;
    uint16_t port;
    size_t name = strlen(opts->worker);
    if (name == 0 || name > CLU_DATA_NAME_MAX)
        return base_err_set(
            err, CEP_EINVAL, "a worker's name has 1 to %d bytes, not %zu", CLU_DATA_NAME_MAX, name);
    enum cep_rc rc = clu_address_listen(opts->address, &fd, &port, err);
    if (rc != CEP_OK)
        return rc;
    struct clu_data *d = base_calloc(1, sizeof *d);
    d->loop = loop;
    d->opts = *opts;
    d->opts.worker = base_strdup(opts->worker);
    d->opts.token = base_strdup(opts->token ? opts->token : "");
    d->opts.address = NULL;
    d->opts.heartbeat_interval_us = opts->heartbeat_interval_us > 0 ? opts->heartbeat_interval_us
                                                                    : INTERVAL_US;
    d->opts.heartbeat_timeout_us = opts->heartbeat_timeout_us > 0 ? opts->heartbeat_timeout_us : TIMEOUT_US;
    d->opts.max_frame = opts->max_frame == 0            ? CLU_FRAME_MAX
                        : opts->max_frame < LEAST_FRAME ? LEAST_FRAME
                        : opts->max_frame > MOST_FRAME  ? MOST_FRAME
                                                        : opts->max_frame;
    d->fd = fd;
    d->port = port;
    d->room = clu_codec_room_new();
    clu_loop_call(loop, do_start, d);
    *out = d;
    return CEP_OK;
}

uint16_t clu_data_port(const struct clu_data *d) {
    return d->port;
}

static void do_stop(void *arg) {
    struct clu_data *d = arg;
    struct cep_err why = CEP_ERR_INIT;
    (void)base_err_set(&why, CEP_EINTERRUPTED, "the worker ends");
    CEP_REQUIRE(!d->parts);
    event_free(d->readable);
    event_free(d->again);
    clu_timer_free(d->timer);
    while (d->strangers)
        data_conn_lost(d->strangers, &why, why.message);
    for (struct data_peer *p = d->peers; p; p = p->next)
        if (p->conn)
            data_conn_lost(p->conn, &why, why.message);
    forget_peers(d);
}

void clu_data_stop(struct clu_data *d) {
    if (!d)
        return;
    clu_loop_call(d->loop, do_stop, d);
    close(d->fd);
    base_free((char *)(uintptr_t)d->opts.worker);
    base_free((char *)(uintptr_t)d->opts.token);
    clu_codec_room_free(d->room);
    base_free(d);
}

/* -- looking -------------------------------------------------------------------------------------------------------------------- */

struct looking {
    struct clu_data *data;
    struct clu_part *part;
    struct clu_data_stats stats;
    struct clu_data_channel_stat *out;
    struct clu_data_peer_stat *peers;
    uint32_t n, max;
};

static void do_part_stats(void *arg) {
    struct looking *l = arg;
    for (uint32_t i = 0; i < l->part->n_chans && i < l->max; i++) {
        const struct data_chan *chan = &l->part->chans[i];
        l->out[i] = chan->stat;
        l->out[i].credits = !chan->out ? chan->granted : chan->sub ? chan->sub->credits : 0;
    }
}

uint32_t clu_data_part_stats(struct clu_part *part, struct clu_data_channel_stat *out, uint32_t max) {
    struct looking l = { .part = part, .out = out, .max = max };
    clu_loop_call(part->data->loop, do_part_stats, &l);
    return part->n_chans;
}

static void do_stats(void *arg) {
    struct looking *l = arg;
    for (struct data_peer *p = l->data->peers; p; p = p->next)
        if (p->conn)
            data_conn_count(p->conn);
    l->stats = l->data->stats;
}

void clu_data_stats(struct clu_data *d, struct clu_data_stats *out) {
    struct looking l = { .data = d };
    clu_loop_call(d->loop, do_stats, &l);
    *out = l.stats;
}

/* What the channels of all parts that go to that worker are waiting for. */
static void look_at_channels(
    const struct clu_data *d, const struct data_peer *p, struct clu_data_peer_stat *out) {
    for (const struct clu_part *part = d->parts; part; part = part->next)
        for (uint32_t i = 0; i < part->n_chans; i++) {
            const struct data_chan *chan = &part->chans[i];
            if (chan->peer != p || !chan->out || !chan->sub)
                continue;
            out->credits += chan->sub->credits;
            out->waiting += chan->sub->credits == 0 && part->fns.out_peek(part->arg, chan->channel) != NULL;
        }
}

static void do_peer_stats(void *arg) {
    struct looking *l = arg;
    for (struct data_peer *p = l->data->peers; p; p = p->next, l->n++) {
        if (l->n >= l->max)
            continue;
        if (p->conn)
            data_conn_count(p->conn);
        struct clu_data_peer_stat *out = &l->peers[l->n];
        *out = (struct clu_data_peer_stat){ .open = p->conn && p->conn->up,
            .counts = p->counts,
            .connections = p->connections,
            .channels = p->n_chans };
        (void)snprintf(out->worker, sizeof out->worker, "%s", p->name);
        look_at_channels(l->data, p, out);
    }
}

uint32_t clu_data_peer_stats(struct clu_data *d, struct clu_data_peer_stat *out, uint32_t max) {
    struct looking l = { .data = d, .peers = out, .max = max };
    clu_loop_call(d->loop, do_peer_stats, &l);
    return l.n;
}
