/*
 * con_source -- what all sources share: partitions that take turns, and the step from bytes to a batch of rows.
 */
#include "connect/con_internal.h"

#include <stdio.h>

enum {
    STEP_BYTES = 16 * 1024 * 1024, /* a batch of large records is closed early */
};

void con_source_init(struct con_source *src, const struct con_source_vt *vt, const struct plan_node *node,
    const struct con_env *env, const struct con_format *format) {
    src->vt = vt;
    src->node = node;
    src->env = *env;
    src->format = format;
}

struct con_part *con_source_add(struct con_source *src, const char *name, void *own, struct cep_err *err) {
    struct con_decoder *dec = NULL;
    char doing[128];
    snprintf(doing, sizeof doing, "stream \"%.*s\"", BASE_STR_FMT(src->node->name));
    if (src->format) {
        const struct plan_source *ps = &src->node->source;
        struct con_decoder_args args = { .schema = src->node->schema,
            .opts = ps->format_opts,
            .n_opts = ps->n_format_opts,
            .env = &src->env,
            .doing = doing };
        if (src->format->decoder->open(&args, &dec, err) != CEP_OK)
            return NULL;
    }
    struct con_part *part = base_calloc(1, sizeof *part);
    part->name = base_strdup(name);
    part->path = part->name;
    part->own = own;
    con_reader_init(&part->rd, src, (uint32_t)src->n_parts, dec);
    src->parts = base_grow(src->parts, src->n_parts, &src->cap_parts, sizeof(struct con_part *));
    src->active = base_grow(src->active, src->n_active, &src->cap_active, sizeof *src->active);
    src->active[src->n_active++] = (uint32_t)src->n_parts;
    src->parts[src->n_parts++] = part;
    return part;
}

static enum cep_rc source_open(
    const struct plan_node *node, const struct con_env *env, struct con_source **out, struct cep_err *err) {
    CEP_REQUIRE(node->kind == PLAN_NODE_SOURCE && env->now_us);
    *out = NULL;
    const struct plan_source *ps = &node->source;
    const struct con_connector *conn = con_find_connector(ps->connector->name);
    const struct con_format *format = ps->format ? con_find_format(ps->format->name) : NULL;
    if (!conn || !conn->source)
        return base_err_set(err, CEP_EINVAL, "connector \"%s\" cannot be read from", ps->connector->name);
    if (ps->format && (!format || !format->decoder))
        return base_err_set(err, CEP_EINVAL, "format \"%s\" cannot be read", ps->format->name);
    if (!format && conn->source->fill)
        return base_err_set(err, CEP_EINVAL, "connector \"%s\" needs a format", ps->connector->name);
    enum cep_rc rc = CEP_OK;
    if (conn->spec.source_check)
        rc = conn->spec.source_check(node->schema, ps->opts, ps->n_opts, err);
    if (rc == CEP_OK && format && format->spec.decode_check)
        rc = format->spec.decode_check(node->schema, ps->format_opts, ps->n_format_opts, err);
    if (rc == CEP_OK)
        rc = conn->source->open(node, env, format, out, err);
    return rc;
}

static enum cep_rc source_begin(
    struct con_source *src, enum cep_rc rc, struct con_source **out, struct cep_err *err) {
    if (rc == CEP_OK && src->vt->begin)
        rc = src->vt->begin(src, err);
    if (rc == CEP_OK)
        *out = src;
    else
        con_source_close(src);
    return rc;
}

enum cep_rc con_source_open(
    const struct plan_node *node, const struct con_env *env, struct con_source **out, struct cep_err *err) {
    struct con_source *src = NULL;
    *out = NULL;
    enum cep_rc rc = source_open(node, env, &src, err);
    return source_begin(src, rc, out, err);
}

/* A note: the reader's part with its length, then the connector's. */
static void source_note(struct con_source *src, struct con_part *part, struct base_buf *to) {
    struct base_buf reader = BASE_BUF_INIT;
    base_buf_clear(to);
    con_reader_save(&part->rd, &reader);
    base_pack_str(to, base_buf_view(&reader));
    base_buf_release(&reader);
    if (src->vt->save)
        src->vt->save(src, part, to);
}

static void source_part_done(struct con_source *src, struct con_part *part) {
    if (part->done)
        return;
    part->done = true;
    if (src->stopped && !part->rd.eof) {
        part->cut = true;
        source_note(src, part, &part->note);
    }
    if (src->vt->part_done)
        src->vt->part_done(src, part);
    part->own = NULL;
    con_reader_release(&part->rd);
}

static void source_deactivate(struct con_source *src, uint32_t number) {
    size_t at = 0;
    while (at < src->n_active && src->active[at] != number)
        at++;
    if (at == src->n_active)
        return;
    memmove(&src->active[at], &src->active[at + 1], (src->n_active - at - 1) * sizeof *src->active);
    src->n_active--;
    if (src->turn > at)
        src->turn--;
}

/*
 * Fills the batch from one partition. Returns: CEP_OK when there is something to tell (rows, or its end), CEP_AGAIN, or an
 * error.
 */
static enum cep_rc source_step(
    struct con_source *src, struct con_part *part, struct con_chunk *chunk, struct cep_err *err) {
    struct evt_batch *batch = chunk->batch;
    uint64_t from = part->rd.position;
    enum cep_rc rc = CEP_OK;
    while (!evt_batch_is_full(batch)) {
        if (src->vt->rows) {
            uint32_t before = batch->n_rows;
            rc = src->stopped ? CEP_NONE : src->vt->rows(src, part, batch, err);
            for (uint32_t i = before; i < batch->n_rows; i++)
                batch->origin[i] = part->rd.partition;
            src->stats.rows += batch->n_rows - before;
        } else {
            if (con_reader_decode(&part->rd, batch)) {
                if (part->rd.position - from > STEP_BYTES && batch->n_rows > chunk->first_row)
                    break;
                continue;
            }
            rc = part->rd.eof || src->stopped ? CEP_NONE : src->vt->fill(src, part, err);
            if (rc == CEP_NONE && !part->rd.eof && !src->stopped) {
                part->rd.eof =
                    true; /* what is left is the last record; of a source told to stop it is half of one */
                continue;
            }
        }
        if (rc != CEP_OK)
            break;
    }
    if (rc == CEP_NONE) {
        source_part_done(src, part);
        chunk->partition_done = true;
        return CEP_OK;
    }
    if (batch->n_rows > chunk->first_row) /* an error comes again with the next call */
        return CEP_OK;
    return rc;
}

static enum cep_rc source_try(
    struct con_source *src, uint32_t number, struct con_chunk *chunk, struct cep_err *err) {
    enum cep_rc rc = source_step(src, src->parts[number], chunk, err);
    if (rc == CEP_OK) {
        chunk->partition = number;
        if (chunk->partition_done)
            source_deactivate(src, number);
    }
    return rc;
}

enum cep_rc con_source_poll(
    struct con_source *src, uint32_t partition, struct con_chunk *chunk, struct cep_err *err) {
    CEP_REQUIRE(!evt_batch_is_full(chunk->batch));
    chunk->first_row = chunk->batch->n_rows;
    chunk->partition = CON_ANY;
    chunk->partition_done = false;
    chunk->next_poll_us = INT64_MAX;
    enum cep_rc more = src->vt->look ? src->vt->look(src, err) : CEP_NONE;
    if (more != CEP_OK && more != CEP_NONE)
        return more;
    if (partition != CON_ANY) {
        if (partition < src->n_parts && !src->parts[partition]->done) {
            enum cep_rc rc = source_try(src, partition, chunk, err);
            if (rc != CEP_AGAIN)
                return rc;
        }
    } else {
        for (size_t n = src->n_active; n > 0; n--) {
            if (src->turn >= src->n_active)
                src->turn = 0;
            enum cep_rc rc = source_try(src, src->active[src->turn++], chunk, err);
            if (rc != CEP_AGAIN)
                return rc;
        }
    }
    if (src->n_active == 0 && (more == CEP_NONE || src->stopped))
        return CEP_NONE;
    if (src->vt->next_poll)
        chunk->next_poll_us = src->vt->next_poll(src);
    return CEP_AGAIN;
}

uint32_t con_source_n_partitions(const struct con_source *src) {
    return (uint32_t)src->n_parts;
}

void con_source_partition(const struct con_source *src, uint32_t i, struct con_partition *out) {
    const struct con_part *part = src->parts[i];
    *out = (struct con_partition){
        .name = base_str_of(part->name), .position = part->rd.position, .done = part->done
    };
}

void con_source_save(struct con_source *src, uint32_t i, struct con_partition *out) {
    struct con_part *part = src->parts[i];
    if (!part->cut)
        source_note(src, part, &src->note);
    *out = (struct con_partition){ .name = base_str_of(part->path),
        .position = part->rd.position,
        .done = part->done && !part->cut,
        .note = base_buf_view(part->cut ? &part->note : &src->note) };
}

void con_source_drop(struct con_source *src, struct con_part *part) {
    source_deactivate(src, part->rd.partition);
    source_part_done(src, part);
}

static enum cep_rc source_restore_part(
    struct con_source *src, const struct con_partition *saved, struct cep_err *err) {
    char *name = src->vt->paths ? con_path(&src->env, saved->name)
                                : base_strndup(saved->name.p ? saved->name.p : "", saved->name.len);
    struct con_part *part = con_source_add(src, name, NULL, err);
    base_free(name);
    if (!part)
        return CEP_EINVAL;
    part->path = part->name + strlen(part->name) - saved->name.len;
    part->rd.position = saved->position;
    part->rd.fresh = saved->position == 0;
    struct base_unpack note = base_unpack_of(saved->note);
    struct base_str reader = saved->note.len ? base_unpack_str(&note) : (struct base_str){ NULL, 0 };
    enum cep_rc rc = CEP_OK;
    bool ok = !saved->note.len || (!note.bad && (saved->done || con_reader_load(&part->rd, reader)));
    if (ok && src->vt->restore)
        rc = src->vt->restore(src, part, saved, &note, err);
    else if (saved->done)
        rc = CEP_NONE;
    if (rc == CEP_NONE) {
        con_source_drop(src, part);
        rc = CEP_OK;
    }
    if (!ok || (rc == CEP_OK && !base_unpack_ok(&note)))
        rc = base_err_set(
            err, CEP_EDAMAGED, "what was kept of partition \"%.*s\" is damaged", BASE_STR_FMT(saved->name));
    return rc;
}

enum cep_rc con_source_restore(const struct plan_node *node, const struct con_env *env,
    const struct con_partition *saved, uint32_t n, struct con_source **out, struct cep_err *err) {
    struct con_source *src = NULL;
    *out = NULL;
    enum cep_rc rc = source_open(node, env, &src, err);
    if (rc == CEP_OK && n > 0 && !node->source.connector->replayable)
        con_log(env, CON_LEVEL_WARNING,
            "stream \"%.*s\": connector \"%s\" cannot be read again: what came behind the checkpoint is lost",
            BASE_STR_FMT(node->name), node->source.connector->name);
    for (uint32_t i = 0; rc == CEP_OK && i < n; i++)
        rc = source_restore_part(src, &saved[i], err);
    return source_begin(src, rc, out, err);
}

bool con_source_bounded(const struct con_source *src) {
    return src->bounded;
}

bool con_source_ends(const struct con_source *src) {
    return src->bounded || (src->env.ends_now && src->vt->ends_now);
}

void con_source_stats(const struct con_source *src, struct con_source_stats *out) {
    *out = src->stats;
}

void con_source_stop(struct con_source *src) {
    if (src->stopped)
        return;
    src->stopped = true;
    if (src->vt->stop)
        src->vt->stop(src);
}

void con_source_close(struct con_source *src) {
    if (!src)
        return;
    src->stopped = false; /* nobody asks for notes any more */
    for (size_t i = 0; i < src->n_parts; i++) {
        source_part_done(src, src->parts[i]);
        base_buf_release(&src->parts[i]->note);
        base_free(src->parts[i]->name);
        base_free(src->parts[i]);
    }
    base_free(src->parts);
    base_free(src->active);
    base_buf_release(&src->note);
    src->vt->close(src);
}
