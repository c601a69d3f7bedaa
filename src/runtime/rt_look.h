#pragma once
/*
 * rt_look -- what a checkpoint or savepoint holds, told from the folder alone: its operators, what they keep, and one key of a
 * pattern down to its partial matches.
 *
 *     folder ── rt_look_read() ──▶ rt_look: operators by kind and name, their subtasks added up
 *
 * Files are read one after the other, each is checked, and only what is asked for is kept; so the memory it takes follows what is told, but
 * for the largest file.
 *
 * Threads: none.
 */
#include "nfa/nfa_look.h"
#include "runtime/rt_snap.h"

/* What is to be told in detail. Empty: only counts. */
struct rt_look_what {
    struct base_str pattern; /* empty = none; with `key`: any that has the key */
    struct base_str key;     /* its values as text, separated by ','; p == NULL = none */
};

/* A partition of a source. */
struct rt_look_part {
    struct base_str name;
    uint64_t position;
    bool has_position, done;
    bool has_watermark, ended; /* of event time */
    int64_t watermark;
};

/* A key of a pattern. */
struct rt_look_key {
    struct base_str text; /* as in rt_look_what */
    uint64_t open, waiting, asleep;
    int64_t deadline;         /* EVT_TIME_MAX = none */
    struct nfa_look_key *all; /* NULL: was not asked for */
};

/* A row that waits for the watermark, of the keys that were asked for. */
struct rt_look_row {
    int64_t time;
    struct base_str stream, json;
};

/* What an alert remembers of an identity. */
struct rt_look_life {
    struct base_str identity; /* as text */
    bool firing;
    int64_t last_let, deadline; /* EVT_TIME_MIN, EVT_TIME_MAX = none */
    struct base_str record;     /* firing: JSON */
};

struct rt_look_op {
    struct base_str kind, name;
    uint32_t n_subtasks; /* that saved it */
    uint64_t bytes, n_entries;
    int64_t watermark; /* the lowest of its subtasks; EVT_TIME_MIN = none */
    uint64_t n_rows;   /* that wait for the watermark */
    /* source */
    struct rt_look_part *parts;
    size_t n_parts, cap_parts;
    /* sink: what each subtask's says, in words */
    struct base_str *words;
    size_t n_words, cap_words;
    /* pattern */
    struct nfa_look *names; /* of the first subtask; NULL = none */
    uint64_t
        n_keys; /* of an aggregation: groups, one for each pane or session of a key; of a join: rows kept */
    uint64_t n_open, n_waiting, n_asleep;
    uint64_t *by_state;       /* open ones that were told, by names->states */
    struct rt_look_key *keys; /* of `pattern` */
    size_t n_kept_keys, cap_keys;
    struct rt_look_row *rows; /* of `key` */
    size_t n_kept_rows, cap_rows;
    /* alert */
    uint64_t n_firing, n_suppressed;
    struct rt_look_life *lives;
    size_t n_lives, cap_lives;
};

struct rt_look {
    struct base_arena arena; /* owns what is not owned below */
    struct sto_manifest manifest;
    uint64_t bytes;         /* of all files */
    struct rt_look_op *ops; /* sources, aggregations, patterns, alerts, sinks, channels; each kind by name */
    size_t n_ops, cap_ops;
    struct base_buf *files; /* owned; that details are borrowed from */
    size_t n_files, cap_files;
};

/* Returns: CEP_NONE: no checkpoint or savepoint; CEP_EDAMAGED with the file, CEP_EVERSION, CEP_EIO. Owns: rt_look_release(), in any case. */
enum cep_rc rt_look_read(
    struct rt_look *look, const char *dir, const struct rt_look_what *what, struct cep_err *err);
/* The same of a snapshot in memory, which has no manifest. Requires: it outlives look. */
enum cep_rc rt_look_snap(
    struct rt_look *look, const struct rt_snap *snap, const struct rt_look_what *what, struct cep_err *err);
void rt_look_release(struct rt_look *look);
