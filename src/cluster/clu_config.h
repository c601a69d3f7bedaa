#pragma once
/*
 * clu_config -- cepd.yaml, environment and options as one configuration.
 *
 * Order, the later wins: default, file (--config, CEPD_CONFIG, ./cepd.yaml, /etc/cepd/cepd.yaml: the first that is
 * there), environment (CEPD_BATCH_SIZE for batch.size), option (--batch-size). Keys may be written nested or dotted. An
 * unknown key is a mistake, and so is one that this version does nothing with.
 */
#include "base/base_buf.h"
#include "cep/error.h"

struct base_arena;
struct clu_security;

/* KEY(enumerator, name, default, unit or values, works in this version, help) */
#define CLU_CONFIG_LIST(KEY)                                                                                 \
    KEY(PARALLELISM, "parallelism.default", "1", "subtasks, 1 to 128", true, "of each keyed operator")       \
    KEY(BATCH_SIZE, "batch.size", "1024", "rows, 1 to 1024", true, "rows in a batch")                        \
    KEY(BATCH_LINGER, "batch.linger", "5 ms", "duration", true, "sinks are flushed at least this often")     \
    KEY(BUFFER_ROWS, "buffer.rows", "16777216", "rows", true,                                                \
        "rows that may wait for watermarks, over all operators")                                             \
    KEY(BUFFER_PATIENCE, "buffer.patience", "30 s", "duration", true,                                        \
        "how long a silent partition may hold back a full buffer before the job fails")                      \
    KEY(SINK_DRAIN, "sink.drain", "30 s", "duration", true,                                                  \
        "how long sinks may take to deliver what they hold at the end")                                      \
    KEY(WORKER_SLOTS, "worker.slots", "1", "slots, 1 to 1024", true,                                         \
        "parallel parts of jobs that a worker runs")                                                         \
    KEY(WORKER_ADDRESS, "worker.address", "127.0.0.1:0", "HOST:PORT", true,                                  \
        "where a worker takes rows from the others, and how they reach it; port 0: any that is free")        \
    KEY(COORDINATOR, "coordinator.address", "127.0.0.1:6123", "HOST:PORT", true,                             \
        "control port of the coordinator: where it listens, and where workers find it")                      \
    KEY(HTTP, "http.address", "", "HOST:PORT", true, "where the REST interface listens (--http)")            \
    KEY(STATE_BACKEND, "state.backend", "memory", "memory|rocksdb", true,                                    \
        "where the keys of patterns lie: all in memory; or those that are touched in memory, the others in " \
        "RocksDB on disk")                                                                                   \
    KEY(STATE_DIR, "state.dir", "", "folder", true,                                                          \
        "where the job's checkpoints lie; none: nothing is kept. A worker's: its databases, while they are " \
        "used")                                                                                              \
    KEY(STATE_MEMORY, "state.memory", "4g", "bytes: 512m, 4g; 0 = no limit", true,                           \
        "backend memory: what the partial matches of one pattern may take; beyond it the job fails and "     \
        "says so. "                                                                                          \
        "Backend rocksdb: what all patterns have in memory together; beyond it keys go to disk")             \
    KEY(CP_INTERVAL, "checkpoint.interval", "10 s", "duration", true,                                        \
        "time between checkpoints; 0 = only one at the start and one at the end")                            \
    KEY(CP_DIR, "checkpoint.dir", "", "folder", true, "where checkpoints lie, when not under state.dir")     \
    KEY(CP_MODE, "checkpoint.mode", "aligned", "aligned|unaligned", true,                                    \
        "unaligned: barriers overtake rows under way, which become part of the checkpoint")                  \
    KEY(CP_ALIGN, "checkpoint.alignment-timeout", "30 s", "duration", true,                                  \
        "when an aligned barrier stops waiting for the others and becomes unaligned")                        \
    KEY(CP_RETAINED, "checkpoint.retained", "2", "checkpoints, 1 to 1000", true,                             \
        "how many are kept; the one before is used when the last is damaged")                                \
    KEY(SAVEPOINT_DIR, "savepoint.dir", "", "folder", true,                                                  \
        "where savepoints go that are asked for without a folder")                                           \
    KEY(CP_CONCURRENT, "checkpoint.max-concurrent", "1", "checkpoints, 1 to 100", true,                      \
        "how many may be under way at the same time")                                                        \
    KEY(CP_TIMEOUT, "checkpoint.timeout", "10 min", "duration", true,                                        \
        "one that takes longer is dropped; the job goes on")                                                 \
    KEY(CP_PAUSE, "checkpoint.min-pause", "0 s", "duration", true,                                           \
        "between the end of one and the begin of the next; more than 0: only one at a time")                 \
    KEY(RESTART, "restart.strategy", "exponential-delay", "none|fixed-delay|exponential-delay|failure-rate", \
        true, "how a job that keeps checkpoints goes back to the last one after a failure")                  \
    KEY(RESTART_ATTEMPTS, "restart.attempts", "3", "restarts", true,                                         \
        "fixed-delay: in all; failure-rate: failures that restart.interval may have")                        \
    KEY(RESTART_DELAY, "restart.delay", "1 s", "duration", true,                                             \
        "before a restart; exponential-delay: before the first")                                             \
    KEY(RESTART_MAX_DELAY, "restart.max-delay", "1 min", "duration", true,                                   \
        "exponential-delay: no delay is longer")                                                             \
    KEY(RESTART_FACTOR, "restart.factor", "1.5", "number, 1 to 100", true,                                   \
        "exponential-delay: what each delay is of the one before")                                           \
    KEY(RESTART_RESET, "restart.reset-after", "1 h", "duration", true,                                       \
        "exponential-delay: a job that ran so long begins with restart.delay again")                         \
    KEY(RESTART_INTERVAL, "restart.interval", "1 min", "duration", true,                                     \
        "failure-rate: the time in which failures are counted")                                              \
    KEY(HB_INTERVAL, "heartbeat.interval", "1 s", "duration", true, "between coordinator and workers")       \
    KEY(HB_TIMEOUT, "heartbeat.timeout", "10 s", "duration", true,                                           \
        "when a silent worker is given up, and when a worker that hears nothing stops its tasks")            \
    KEY(COMPRESSION, "wire.compression", "none", "none|lz4|zstd", true, "of rows between workers")           \
    KEY(SECURITY, "security", "", "none", true,                                                              \
        "none: addresses that other machines reach are open to whoever reaches them")                        \
    KEY(TLS_CERT, "security.tls.cert", "", "PEM file", true,                                                 \
        "certificate of this process: TLS between coordinator and workers, both ways, and for REST")         \
    KEY(TLS_KEY, "security.tls.key", "", "PEM file", true, "its key")                                        \
    KEY(TLS_CA, "security.tls.ca", "", "PEM file", true, "who signed the certificates of all processes")     \
    KEY(TOKEN, "security.token", "", "text", true,                                                           \
        "what REST requests (Authorization: Bearer) and workers have to know")                               \
    KEY(CHANNEL, "channel.capacity", "64", "batches and watermarks", true,                                   \
        "that wait between two tasks before the one that sends has to")

enum clu_config_key {
#define CLU_CONFIG_ENUM(id, name, def, unit, works, help) CLU_CFG_##id,
    CLU_CONFIG_LIST(CLU_CONFIG_ENUM)
#undef CLU_CONFIG_ENUM
        CLU_CFG_MAX
};

struct clu_config {
    const char *values[CLU_CFG_MAX]; /* text; in the arena, the environment or argv */
    const char *from[CLU_CFG_MAX];   /* where it comes from, for messages; NULL = the default */
    struct base_arena *arena;        /* borrowed */
};

/* Every key has its default. */
void clu_config_init(struct clu_config *c, struct base_arena *a);
/*
 * All of it; option(arg, "batch-size") is the option as given, or NULL.
 * Returns: CEP_EINVAL (unknown key, bad YAML: file and line are named), CEP_EUNSUPPORTED, CEP_EIO.
 */
enum cep_rc clu_config_load(struct clu_config *c, const char *(*option)(void *arg, const char *name),
    void *arg, struct base_arena *a, struct cep_err *err);
/* One key on top of what is there; the strings outlive c. `from`: who says so, for messages. */
enum cep_rc clu_config_set(
    struct clu_config *c, const char *name, const char *value, const char *from, struct cep_err *err);
enum cep_rc clu_config_int(const struct clu_config *c, enum clu_config_key key, int64_t min, int64_t max,
    int64_t *out, struct cep_err *err);
/* One of two words: *second says which. */
enum cep_rc clu_config_choice(const struct clu_config *c, enum clu_config_key key, const char *a,
    const char *b, bool *second, struct cep_err *err);
/* "0", "512m", "4g": bytes, with k, m, g, t for powers of 1024. */
enum cep_rc clu_config_bytes(
    const struct clu_config *c, enum clu_config_key key, uint64_t *out, struct cep_err *err);
enum cep_rc clu_config_duration(
    const struct clu_config *c, enum clu_config_key key, int64_t *out_us, struct cep_err *err);
/* The key as it is written in cepd.yaml. */
const char *clu_config_name(enum clu_config_key key);
/* The mistake of a value that is not what the key takes. */
enum cep_rc clu_config_bad(
    const struct clu_config *c, enum clu_config_key key, const char *wants, struct cep_err *err);
/* What is in force, as a list of name and value: keys that do something in this version and have a value. Returns: how many;
 * `names` and `values` have room for CLU_CFG_MAX. */
size_t clu_config_list(const struct clu_config *c, const char **names, const char **values);
/* Those that tasks go by and that are not left at their defaults: what workers have to know of a job's configuration. */
size_t clu_config_of_tasks(const struct clu_config *c, const char **names, const char **values);
/* What is said of security, checked to be consistent; strings are borrowed from the configuration, NULL = not given. Returns: CEP_EINVAL. */
enum cep_rc clu_config_security(const struct clu_config *c, struct clu_security *out, struct cep_err *err);
/* The text of `cepd help config`. */
void clu_config_write(struct base_buf *b);
