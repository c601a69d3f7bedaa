/*
 * clu_data_conn -- what goes through one connection between two workers: subscriptions, credits, elements; see clu_data.h.
 *
 * Sending. Channels that have something to send and credits stand in a list; each in turn may send a burst, until so much waits for the
 * socket that more would only add delay (FULL_BYTES); what comes then waits in its ring, and its writer with it.
 */
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_data_internal.h"
#include "cluster/clu_frame.h"
#include "cluster/clu_tls.h"
#include "time/clk.h"

#include <event2/event.h>
#include <stdio.h>

enum {
    FULL_BYTES = 1 << 20, /* waiting for the socket */
    BURST = 8,            /* elements of one channel in its turn */
    ROUNDS = 8,           /* of FULL_BYTES, before other connections have their turn */
    SOCKET_BYTES = 4 << 20,
    MOST_SUBS = 1 << 20
};

/* -- handles -------------------------------------------------------------------------------------------------------------- */

/* Returns: the index of the handle, or where it would be. */
static size_t sub_index(const struct data_conn *c, uint32_t handle) {
    size_t low = 0, high = c->n_subs;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->subs[mid]->handle < handle)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct data_sub *find_sub(const struct data_conn *c, uint32_t handle) {
    size_t i = sub_index(c, handle);
    return i < c->n_subs && c->subs[i]->handle == handle ? c->subs[i] : NULL;
}

static size_t in_index(const struct data_conn *c, uint32_t handle) {
    size_t low = 0, high = c->n_ins;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->ins[mid]->handle < handle)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void sub_free(struct data_sub *s) {
    base_free(s->job);
    base_free(s);
}

/* -- the list of those that may send ------------------------------------------------------------------------------------------ */

static void ready_append(struct data_conn *c, struct data_chan *chan) {
    chan->ready = true;
    chan->next_ready = NULL;
    chan->before_ready = c->last_ready;
    if (c->last_ready)
        c->last_ready->next_ready = chan;
    else
        c->ready = chan;
    c->last_ready = chan;
}

static void ready_remove(struct data_conn *c, struct data_chan *chan) {
    if (!chan->ready)
        return;
    if (chan->before_ready)
        chan->before_ready->next_ready = chan->next_ready;
    else
        c->ready = chan->next_ready;
    if (chan->next_ready)
        chan->next_ready->before_ready = chan->before_ready;
    else
        c->last_ready = chan->before_ready;
    chan->ready = false;
}

static bool may_send(const struct data_chan *chan) {
    return chan->sub && chan->sub->credits > 0 && chan->part->fns.out_peek(chan->part->arg, chan->channel);
}

/* A barrier that overtakes: at once, whatever else waits here. */
static void announce(struct data_chan *chan) {
    uint64_t id = atomic_load(&chan->announce);
    if (!chan->sub || id <= chan->announced)
        return;
    chan->announced = id;
    const struct clu_data_msg m = { .kind = CLU_DATA_ANNOUNCE, .handle = chan->sub->handle, .id = id };
    struct data_conn *c = chan->peer->conn;
    clu_data_write(clu_stream_out(c->stream), &m);
    c->counts.frames_out++;
    clu_stream_flush(c->stream);
}

void data_chan_ready(struct data_chan *chan) {
    if (!chan->peer || !chan->peer->conn || !chan->peer->conn->up)
        return;
    announce(chan);
    if (!chan->ready && may_send(chan))
        ready_append(chan->peer->conn, chan);
}

/* -- sending ---------------------------------------------------------------------------------------------------------------------- */

/* A batch, or the next piece of it. Returns: false when its part broke. */
static bool send_batch(struct data_chan *chan, const struct evt_elem *e) {
    struct data_conn *c = chan->peer->conn;
    struct clu_data *d = c->data;
    struct base_buf *out = clu_stream_out(c->stream);
    size_t before = out->len;
    uint32_t n = clu_data_write_batch(
        out, chan->sub->handle, e->stream, e->batch, &chan->row, d->opts.max_frame, d->opts.codec, d->room);
    if (n == 0 && chan->row < e->batch->n_rows) {
        struct cep_err why = CEP_ERR_INIT;
        (void)base_err_set(&why, CEP_ELIMIT,
            "a row for worker \"%s\" is larger than the %zu bytes that a frame between workers may have",
            chan->peer->name, d->opts.max_frame);
        why.fatal = true;
        data_part_broke(chan->part, &why);
        return false;
    }
    if (n > 0) {
        chan->sub->credits--;
        chan->stat.elements++;
        chan->stat.rows += n;
        chan->stat.bytes += out->len - before;
        c->counts.frames_out++;
        c->counts.batches_out++;
        c->counts.rows_out += n;
    }
    if (chan->row >= e->batch->n_rows) {
        struct evt_elem popped;
        chan->row = 0;
        chan->part->fns.out_pop(chan->part->arg, chan->channel, &popped);
        evt_batch_unref(popped.batch);
    }
    return true;
}

static void send_control(struct data_chan *chan, const struct evt_elem *e) {
    struct data_conn *c = chan->peer->conn;
    struct base_buf *out = clu_stream_out(c->stream);
    size_t before = out->len;
    struct clu_data_msg m = { .handle = chan->sub->handle, .stream = e->stream };
    switch (e->kind) {
    case EVT_ELEM_WATERMARK:
        m.kind = CLU_DATA_WATERMARK;
        m.watermark = e->watermark;
        break;
    case EVT_ELEM_IDLE:
        m.kind = CLU_DATA_IDLE;
        m.idle = e->idle;
        break;
    case EVT_ELEM_BARRIER:
        m.kind = CLU_DATA_BARRIER;
        m.id = e->barrier;
        break;
    case EVT_ELEM_END: m.kind = CLU_DATA_END; break;
    case EVT_ELEM_STOP: m.kind = CLU_DATA_STOP; break;
    case EVT_ELEM_BATCH:
    case EVT_ELEM_MAX: CEP_INSIST(!"a kind of element");
    }
    clu_data_write(out, &m);
    struct evt_elem popped;
    chan->part->fns.out_pop(chan->part->arg, chan->channel, &popped);
    chan->sub->credits--;
    chan->stat.elements++;
    chan->stat.bytes += out->len - before;
    c->counts.frames_out++;
}

/* One channel's turn. */
static void send_burst(struct data_conn *c, struct data_chan *chan) {
    const struct evt_elem *e;
    ready_remove(c, chan);
    for (int i = 0; i < BURST && chan->sub && chan->sub->credits > 0 &&
                    (e = chan->part->fns.out_peek(chan->part->arg, chan->channel)) != NULL;
         i++) {
        if (e->kind != EVT_ELEM_BATCH)
            send_control(chan, e);
        else if (!send_batch(chan, e))
            return;
    }
    if (chan->sub && may_send(chan))
        ready_append(c, chan);
}

void data_pump(struct data_conn *c) {
    if (c->pumping)
        return; /* the socket took everything while this was at it */
    c->pumping = true;
    for (int i = 0; i < ROUNDS && c->ready && clu_stream_unsent(c->stream) < FULL_BYTES; i++) {
        while (c->ready && clu_stream_unsent(c->stream) < FULL_BYTES)
            send_burst(c, c->ready);
        clu_stream_flush(c->stream);
    }
    c->pumping = false;
    if (c->ready && clu_stream_unsent(c->stream) == 0)
        event_active(c->data->again, EV_TIMEOUT, 1);
}

/* -- channels ------------------------------------------------------------------------------------------------------------------- */

static void send_msg(struct data_conn *c, const struct clu_data_msg *m) {
    clu_data_write(clu_stream_out(c->stream), m);
    c->counts.frames_out++;
    clu_stream_flush(c->stream);
}

void data_subscribe(struct data_chan *chan) {
    struct data_conn *c = chan->peer->conn;
    chan->handle = ++c->last_in;
    chan->granted = chan->part->fns.in_room(chan->part->arg, chan->channel);
    c->ins = base_grow(c->ins, c->n_ins, &c->cap_ins, sizeof *c->ins);
    c->ins[c->n_ins++] = chan;
    const struct clu_data_msg m = { .kind = CLU_DATA_SUBSCRIBE,
        .handle = chan->handle,
        .subscribe = { .job = base_str_of(chan->part->job),
            .attempt = chan->part->attempt,
            .channel = chan->channel,
            .credits = chan->granted } };
    send_msg(c, &m);
}

void data_grant(struct data_chan *chan) {
    if (!chan->peer || chan->handle == 0)
        return;
    uint32_t room = chan->part->fns.in_room(chan->part->arg, chan->channel);
    if (room <= chan->granted)
        return;
    const struct clu_data_msg m = {
        .kind = CLU_DATA_CREDIT, .handle = chan->handle, .more = room - chan->granted
    };
    chan->granted = room;
    send_msg(chan->peer->conn, &m);
}

static void link_sub(struct data_chan *chan, struct data_sub *s) {
    s->chan = chan;
    chan->sub = s;
    data_chan_ready(chan);
}

void data_match(struct data_chan *chan) {
    struct data_conn *c = chan->peer->conn;
    for (size_t i = 0; i < c->n_subs && !chan->sub; i++) {
        struct data_sub *s = c->subs[i];
        if (!s->chan && s->channel == chan->channel && s->attempt == chan->part->attempt &&
            strcmp(s->job, chan->part->job) == 0)
            link_sub(chan, s);
    }
}

void data_unlink(struct data_chan *chan) {
    struct data_conn *c = chan->peer ? chan->peer->conn : NULL;
    if (chan->sub)
        chan->sub->chan = NULL;
    if (c)
        ready_remove(c, chan);
    if (c && chan->handle) {
        size_t i = in_index(c, chan->handle);
        memmove(c->ins + i, c->ins + i + 1, (--c->n_ins - i) * sizeof *c->ins);
        const struct clu_data_msg m = { .kind = CLU_DATA_UNSUBSCRIBE, .handle = chan->handle };
        send_msg(c, &m);
    }
    chan->sub = NULL;
    chan->handle = 0;
    chan->granted = 0;
}

/* -- what comes --------------------------------------------------------------------------------------------------------------------- */

/* `tell`: the other end has broken the rules, and hears why. */
static void lose(struct data_conn *c, bool tell, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void lose(struct data_conn *c, bool tell, const char *fmt, ...) {
    struct cep_err why = CEP_ERR_INIT;
    va_list ap;
    c->data->stats.refused += tell;
    va_start(ap, fmt);
    (void)base_err_vset(&why, CEP_EIO, fmt, ap);
    va_end(ap);
    data_conn_lost(c, &why, tell ? why.message : NULL);
}

static void send_hello(struct data_conn *c, struct base_str to) {
    const struct clu_data_msg m = { .kind = CLU_DATA_HELLO,
        .hello = { CLU_DATA_MAGIC, CLU_DATA_VERSION, base_str_of(c->data->opts.worker), to,
            base_str_of(c->data->opts.token) } };
    send_msg(c, &m);
}

/* Returns: what is wrong with it, in `why`; "" = nothing. */
static void judge(const struct data_conn *c, const struct clu_data_msg *m, char *why, size_t size) {
    char token[CLU_DATA_NAME_MAX + 1] = "";
    size_t n = m->hello.token.len < CLU_DATA_NAME_MAX ? m->hello.token.len : CLU_DATA_NAME_MAX;
    if (n > 0)
        memcpy(token, m->hello.token.p, n);
    why[0] = '\0';
    if (m->hello.magic != CLU_DATA_MAGIC)
        snprintf(why, size, "the other end is no worker");
    else if (m->hello.version != CLU_DATA_VERSION)
        snprintf(why, size, "the other worker speaks version %u of the data protocol, this one %d",
            m->hello.version, CLU_DATA_VERSION);
    else if (!clu_token_eq(token, c->data->opts.token))
        snprintf(why, size, "the other worker's token (security.token) is not this one's");
    else if (!base_str_eq(m->hello.to, base_str_of(c->data->opts.worker)))
        snprintf(why, size, "worker \"%.*s\" is not here, this is \"%s\"", BASE_STR_FMT(m->hello.to),
            c->data->opts.worker);
    else if (!c->peer && base_str_cmp(m->hello.worker, base_str_of(c->data->opts.worker)) >= 0)
        snprintf(why, size, "worker \"%.*s\" is to be called, not to call", BASE_STR_FMT(m->hello.worker));
    else if (c->peer && !base_str_eq(m->hello.worker, base_str_of(c->peer->name)))
        snprintf(why, size, "worker \"%s\" is not there, \"%.*s\" is", c->peer->name,
            BASE_STR_FMT(m->hello.worker));
}

static void take_hello(struct data_conn *c, const struct clu_data_msg *m) {
    char why[600];
    judge(c, m, why, sizeof why);
    if (why[0]) {
        lose(c, true, "%s", why);
        return;
    }
    if (!c->peer)
        send_hello(c, m->hello.worker);
    clu_stream_limit(c->stream, c->data->opts.max_frame);
    data_conn_named(c, m->hello.worker);
}

static void take_subscribe(struct data_conn *c, const struct clu_data_msg *m) {
    if (m->handle <= c->last_sub || c->n_subs >= MOST_SUBS) {
        lose(c, true, "subscription %u came, after %u", m->handle, c->last_sub);
        return;
    }
    struct data_sub *s = base_alloc(sizeof *s);
    *s = (struct data_sub){ .handle = c->last_sub = m->handle,
        .job = base_strndup(m->subscribe.job.p, m->subscribe.job.len),
        .attempt = m->subscribe.attempt,
        .channel = m->subscribe.channel,
        .credits = m->subscribe.credits };
    c->subs = base_grow(c->subs, c->n_subs, &c->cap_subs, sizeof *c->subs);
    c->subs[c->n_subs++] = s;
    for (struct clu_part *part = c->data->parts; part && !s->chan; part = part->next) {
        struct data_chan *chan = s->channel < part->n_by ? part->by_channel[s->channel] : NULL;
        if (chan && chan->out && !chan->sub && chan->peer == c->peer && part->attempt == s->attempt &&
            strcmp(part->job, s->job) == 0)
            link_sub(chan, s);
    }
    data_pump(c);
}

static void take_unsubscribe(struct data_conn *c, const struct clu_data_msg *m) {
    struct data_sub *s = find_sub(c, m->handle);
    if (!s) {
        lose(c, true, "subscription %u ends, which is not there", m->handle);
        return;
    }
    if (s->chan) {
        ready_remove(c, s->chan);
        s->chan->sub = NULL;
    }
    size_t i = sub_index(c, m->handle);
    memmove(c->subs + i, c->subs + i + 1, (--c->n_subs - i) * sizeof(struct data_sub *));
    sub_free(s);
}

static void take_credit(struct data_conn *c, const struct clu_data_msg *m) {
    struct data_sub *s = find_sub(c, m->handle);
    if (!s) {
        lose(c, true, "credits came for subscription %u, which is not there", m->handle);
        return;
    }
    s->credits += m->more;
    if (s->chan)
        data_chan_ready(s->chan);
    data_pump(c);
}

static void take_announce(struct data_conn *c, const struct clu_data_msg *m) {
    size_t i = in_index(c, m->handle);
    if (i < c->n_ins && c->ins[i]->handle == m->handle)
        c->ins[i]->part->fns.announced(c->ins[i]->part->arg, c->ins[i]->channel, m->id);
}

/* The element that a frame has. Returns: false when the connection is lost. */
static bool elem_of(
    struct data_conn *c, struct data_chan *chan, const struct clu_data_msg *m, struct evt_elem *e) {
    struct clu_part *part = chan->part;
    struct cep_err err = CEP_ERR_INIT;
    e->stream = m->stream;
    switch (m->kind) {
    case CLU_DATA_BATCH: {
        const struct evt_schema *schema = part->fns.schema(part->arg, chan->channel, m->stream);
        if (!schema) {
            lose(c, true, "channel %u of job \"%s\" has no stream %u", chan->channel, part->job, m->stream);
            return false;
        }
        e->kind = EVT_ELEM_BATCH;
        e->batch = clu_data_read_batch(m, schema, c->data->opts.max_frame, c->data->room, &err);
        if (!e->batch) {
            c->data->stats.refused++;
            data_conn_lost(c, &err, err.message);
            return false;
        }
        chan->stat.rows += e->batch->n_rows;
        c->counts.batches_in++;
        c->counts.rows_in += e->batch->n_rows;
        return true;
    }
    case CLU_DATA_WATERMARK:
        e->kind = EVT_ELEM_WATERMARK;
        e->watermark = m->watermark;
        break;
    case CLU_DATA_IDLE:
        e->kind = EVT_ELEM_IDLE;
        e->idle = m->idle;
        break;
    case CLU_DATA_END: e->kind = EVT_ELEM_END; break;
    case CLU_DATA_BARRIER:
        e->kind = EVT_ELEM_BARRIER;
        e->barrier = m->id;
        return true;
    case CLU_DATA_STOP: e->kind = EVT_ELEM_STOP; return true;
    case CLU_DATA_NO_KIND:
    case CLU_DATA_HELLO:
    case CLU_DATA_BYE:
    case CLU_DATA_PING:
    case CLU_DATA_SUBSCRIBE:
    case CLU_DATA_UNSUBSCRIBE:
    case CLU_DATA_CREDIT:
    case CLU_DATA_ANNOUNCE:
    case CLU_DATA_MAX: CEP_INSIST(!"a kind of element");
    }
    if (!part->fns.schema(part->arg, chan->channel, m->stream)) {
        lose(c, true, "channel %u of job \"%s\" has no stream %u", chan->channel, part->job, m->stream);
        return false;
    }
    return true;
}

static void take_elem(struct data_conn *c, const struct clu_data_msg *m, size_t bytes) {
    size_t i = in_index(c, m->handle);
    struct data_chan *chan = i < c->n_ins && c->ins[i]->handle == m->handle ? c->ins[i] : NULL;
    struct evt_elem e = { .kind = EVT_ELEM_MAX };
    if (!chan && m->handle > 0 && m->handle <= c->last_in)
        return; /* it was under way when the channel was given up */
    if (!chan || chan->granted == 0) {
        lose(c, true,
            chan ? "channel handle %u has sent more than its credits" : "there is no channel handle %u",
            m->handle);
        return;
    }
    if (!elem_of(c, chan, m, &e))
        return;
    chan->granted--;
    chan->stat.elements++;
    chan->stat.bytes += bytes;
    chan->part->fns.in_push(chan->part->arg, chan->channel, &e);
}

static void take(struct data_conn *c, const struct clu_data_msg *m, size_t bytes) {
    switch (m->kind) {
    case CLU_DATA_PING: return;
    case CLU_DATA_SUBSCRIBE: take_subscribe(c, m); return;
    case CLU_DATA_UNSUBSCRIBE: take_unsubscribe(c, m); return;
    case CLU_DATA_CREDIT: take_credit(c, m); return;
    case CLU_DATA_ANNOUNCE: take_announce(c, m); return;
    case CLU_DATA_BATCH:
    case CLU_DATA_WATERMARK:
    case CLU_DATA_IDLE:
    case CLU_DATA_BARRIER:
    case CLU_DATA_END:
    case CLU_DATA_STOP: take_elem(c, m, bytes); return;
    case CLU_DATA_NO_KIND:
    case CLU_DATA_HELLO:
    case CLU_DATA_BYE:
    case CLU_DATA_MAX: break;
    }
    lose(c, true, "a greeting came in the midst of a connection");
}

static void on_frame(void *arg, struct base_str payload) {
    struct data_conn *c = arg;
    struct clu_data_msg m;
    struct cep_err err = CEP_ERR_INIT;
    c->counts.frames_in++;
    if (clu_data_parse(payload, &m, &err) != CEP_OK) {
        c->data->stats.refused++;
        data_conn_lost(c, &err, err.message);
    } else if (m.kind == CLU_DATA_BYE) {
        lose(c, false, "%s has closed the connection: %.*s", clu_stream_peer(c->stream),
            BASE_STR_FMT(m.reason));
    } else if (c->up) {
        take(c, &m, payload.len + CLU_FRAME_HEAD);
    } else if (m.kind == CLU_DATA_HELLO) {
        take_hello(c, &m);
    } else {
        lose(c, true, "the first frame is no greeting");
    }
}

static void on_opened(void *arg) {
    struct data_conn *c = arg;
    if (c->peer)
        send_hello(c, base_str_of(c->peer->name));
}

static void on_drained(void *arg) {
    struct data_conn *c = arg;
    if (c->ready)
        data_pump(c);
}

static void on_closed(void *arg, const struct cep_err *why) {
    struct data_conn *c = arg;
    struct cep_err copy = *why;
    if (why->rc == CEP_EDECODE)
        c->data->stats.refused++;
    data_conn_lost(c, &copy, why->rc == CEP_EDECODE ? copy.message : NULL);
}

struct clu_stream_opts data_stream_opts(struct data_conn *c) {
    return (struct clu_stream_opts){
        .fns = { .opened = on_opened, .frame = on_frame, .drained = on_drained, .closed = on_closed },
        .arg = c,
        .tls = c->data->opts.tls,
        .max_frame = CLU_FRAME_FIRST_MAX,
        .buffer_bytes = SOCKET_BYTES
    };
}

void data_conn_free(struct data_conn *c, const char *bye) {
    const struct clu_data_msg m = { .kind = CLU_DATA_BYE, .reason = base_str_of(bye ? bye : "") };
    data_conn_count(c);
    if (c->stream && bye) {
        clu_data_write(clu_stream_out(c->stream), &m);
        clu_stream_finish(c->stream);
    } else {
        clu_stream_free(c->stream);
    }
    for (size_t i = 0; i < c->n_subs; i++)
        sub_free(c->subs[i]);
    base_free(c->subs);
    base_free(c->ins);
    base_free(c);
}
