/*
 * cmd_table -- every command, its options and its help.
 */
#include "cepd/cmd.h"

#define SECURITY_OPTIONS                                                                              \
    { .name = "security",                                                                             \
        .arg = "none",                                                                                \
        .help = "addresses that other machines reach are open, and that is meant" },                  \
        { .name = "security-tls-cert", .arg = "FILE", .help = "this process's certificate" },         \
        { .name = "security-tls-key", .arg = "FILE", .help = "its key" },                             \
        { .name = "security-tls-ca",                                                                  \
            .arg = "FILE",                                                                            \
            .help = "who signed the certificates of all processes" },                                 \
    {                                                                                                 \
        .name = "security-token", .arg = "TEXT",                                                      \
        .help = "what clients and workers have to know; `ps` shows it: CEPD_SECURITY_TOKEN is better" \
    }

#define SET_OPTION \
    { .name = "set", .arg = "NAME=VALUE", .many = true, .help = "give a parameter of the file another value" }

static const struct cmd_option run_options[] = {
    SET_OPTION,
    { .name = "parallelism",
        .arg = "N",
        .help = "subtasks of each keyed operator, a thread each (default 1)" },
    { .name = "batch-size", .arg = "ROWS", .help = "rows in a batch, 1 to 1024 (default 1024)" },
    { .name = "channel-capacity",
        .arg = "N",
        .help = "batches and watermarks that wait between two tasks (default 64)" },
    { .name = "batch-linger", .arg = "D", .help = "flush sinks at least this often (default 5 ms)" },
    { .name = "state-backend",
        .arg = "memory|rocksdb",
        .help = "keep keys of patterns in memory, or on disk those that do not fit (default memory)" },
    { .name = "state-memory",
        .arg = "BYTES",
        .help = "memory: what one pattern's partial matches may take; rocksdb: what is held in memory of all "
                "(default "
                "4g; 0 = no limit)" },
    { .name = "buffer-rows", .arg = "ROWS", .help = "rows that may wait for watermarks (default 16777216)" },
    { .name = "buffer-patience",
        .arg = "D",
        .help = "a silent partition fails a job whose buffer is full after D (30 s)" },
    { .name = "sink-drain",
        .arg = "D",
        .help = "time for sinks to deliver what they hold at the end (30 s)" },
    { .name = "config",
        .arg = "FILE",
        .help = "configuration (default: CEPD_CONFIG, ./cepd.yaml, /etc/cepd/cepd.yaml)" },
    { .name = "trace",
        .help = "print every event, watermark and result of every operator, and each step of a pattern's "
                "matching, on "
                "standard error" },
    { .name = "state-dir", .arg = "DIR", .help = "keep the job's checkpoints there" },
    { .name = "checkpoint-interval", .arg = "D", .help = "time between checkpoints (default 10 s)" },
    { .name = "checkpoint-dir", .arg = "DIR", .help = "keep them there instead of in DIR/checkpoints" },
    { .name = "checkpoint-retained", .arg = "N", .help = "how many checkpoints are kept (default 2)" },
    { .name = "checkpoint-timeout",
        .arg = "D",
        .help = "drop a checkpoint that takes longer (default 10 min)" },
    { .name = "checkpoint-min-pause",
        .arg = "D",
        .help = "between the end of a checkpoint and the begin of the next (default 0)" },
    { .name = "checkpoint-mode",
        .arg = "aligned|unaligned",
        .help = "unaligned: barriers overtake rows under way, which become part of the checkpoint (default "
                "aligned)" },
    { .name = "checkpoint-alignment-timeout",
        .arg = "D",
        .help = "an aligned barrier that has waited so long for others becomes unaligned (default 30 s)" },
    { .name = "checkpoint-max-concurrent",
        .arg = "N",
        .help = "checkpoints that may be under way at the same time (default 1)" },
    { .name = "restart-strategy",
        .arg = "none|fixed-delay|exponential-delay|failure-rate",
        .help = "how a job that keeps checkpoints goes back to the last one after a failure (default "
                "exponential-delay)" },
    { .name = "restart-attempts",
        .arg = "N",
        .help = "fixed-delay: restarts in all; failure-rate: failures in --restart-interval (default 3)" },
    { .name = "restart-delay", .arg = "D", .help = "before a restart, or before the first (default 1 s)" },
    { .name = "restart-max-delay",
        .arg = "D",
        .help = "exponential-delay: no delay is longer (default 1 min)" },
    { .name = "restart-factor",
        .arg = "F",
        .help = "exponential-delay: each delay is F times the one before (default 1.5)" },
    { .name = "restart-reset-after",
        .arg = "D",
        .help = "exponential-delay: after D without a failure the first delay again (default 1 h)" },
    { .name = "restart-interval",
        .arg = "D",
        .help = "failure-rate: the time in which failures are counted (default 1 min)" },
    { .name = "restore",
        .arg = "PATH",
        .help = "go on from that checkpoint or savepoint; \"latest\": the newest of --state-dir" },
    { .name = "savepoint-dir",
        .arg = "DIR",
        .help = "where savepoints go that are asked for without a folder" },
    { .name = "fresh", .help = "start over in a --state-dir that holds a job" },
    { .name = "allow-dropped-state", .help = "restore though some state fits nothing any more" },
    { .name = "http",
        .arg = "HOST:PORT",
        .help = "serve the REST interface and /metrics there; an address that others reach wants "
                "certificates and a token" },
    SECURITY_OPTIONS,
    { .name = NULL },
};
static const struct cmd_option check_options[] = { SET_OPTION, { .name = NULL } };
static const struct cmd_option fmt_options[] = {
    { .name = "write", .letter = 'w', .help = "write the files back instead of printing" },
    { .name = "check", .help = "change nothing; exit with 1 when a file is not formatted" },
    { .name = NULL },
};
static const struct cmd_option explain_options[] = {
    SET_OPTION,
    { .name = "stage",
        .arg = "ast|checked|plan|nfa|program|shared|graph",
        .help = "what to show (default: a summary of all)" },
    { .name = "pattern", .arg = "NAME", .help = "only this pattern (nfa, program, summary)" },
    { .name = "parallelism", .arg = "N", .help = "the graph of a job with so many subtasks (default 1)" },
    { .name = "format",
        .arg = "text|json|dot|svg",
        .help = "default text; json, dot and svg for plan, nfa and graph; json for shared" },
    { .name = NULL },
};
static const struct cmd_option test_options[] = { SET_OPTION, { .name = NULL } };
static const struct cmd_option help_options[] = {
    { .name = "man", .help = "print the man page instead (roff)" },
    { .name = NULL },
};

#define CLIENT_SECURITY_OPTIONS                                                                              \
    {                                                                                                        \
        .name = "security-token",                                                                            \
        .arg = "TEXT",                                                                                       \
        .help =                                                                                              \
            "what the coordinator wants to hear (default: CEPD_SECURITY_TOKEN, security.token of cepd.yaml)" \
    },                                                                                                       \
    {                                                                                                        \
        .name = "security-tls-ca", .arg = "FILE",                                                            \
        .help = "who signed its certificate (default: CEPD_SECURITY_TLS_CA, security.tls.ca)"                \
    }

static const struct cmd_option client_options[] = {
    { .name = "coordinator",
        .arg = "URL",
        .help = "where to ask (default: CEPD_COORDINATOR, http://127.0.0.1:8081)" },
    CLIENT_SECURITY_OPTIONS,
    { .name = "json", .help = "the answer as JSON, for a program" },
    { .name = NULL },
};

#define CONFIG_OPTION                                                                    \
    {                                                                                    \
        .name = "config", .arg = "FILE",                                                 \
        .help = "configuration (default: CEPD_CONFIG, ./cepd.yaml, /etc/cepd/cepd.yaml)" \
    }
#define HEARTBEAT_OPTIONS                                                                                    \
    { .name = "heartbeat-interval", .arg = "D", .help = "between coordinator and workers (default 1 s)" }, { \
        .name = "heartbeat-timeout", .arg = "D",                                                             \
        .help = "a worker that is silent for so long is given up (default 10 s)"                             \
    }

#define COMPRESSION_OPTION \
    { .name = "wire-compression", .arg = "none|lz4|zstd", .help = "of rows between workers (default none)" }

static const struct cmd_option coordinator_options[] = {
    CONFIG_OPTION,
    SECURITY_OPTIONS,
    { .name = "state-dir", .arg = "DIR", .help = "the registry of jobs, and their checkpoints" },
    { .name = "http", .arg = "HOST:PORT", .help = "the REST interface (default 127.0.0.1:8081)" },
    { .name = "coordinator-address",
        .arg = "HOST:PORT",
        .help = "where workers come (default 127.0.0.1:6123)" },
    HEARTBEAT_OPTIONS,
    { .name = "checkpoint-dir",
        .arg = "DIR",
        .help = "checkpoints of the jobs, a folder each (default: under --state-dir)" },
    { .name = "savepoint-dir",
        .arg = "DIR",
        .help = "savepoints that are asked for without a folder (default: under --state-dir)" },
    { .name = NULL },
};

static const struct cmd_option cluster_options[] = {
    CONFIG_OPTION,
    SECURITY_OPTIONS,
    { .name = "workers", .arg = "N", .help = "how many workers (default 2)" },
    { .name = "slots", .arg = "N", .help = "slots of each (default: worker.slots, 1)" },
    COMPRESSION_OPTION,
    { .name = "http", .arg = "HOST:PORT", .help = "the REST interface (default 127.0.0.1:8081)" },
    { .name = "coordinator-address",
        .arg = "HOST:PORT",
        .help = "where workers come (default 127.0.0.1:6123)" },
    { .name = "dir",
        .arg = "DIR",
        .help = "the registry of jobs, and their checkpoints (default: cepd-cluster)" },
    { .name = NULL },
};

static const struct cmd_option worker_options[] = {
    CONFIG_OPTION,
    SECURITY_OPTIONS,
    { .name = "coordinator",
        .arg = "HOST:PORT",
        .help = "where the coordinator is (default 127.0.0.1:6123)" },
    { .name = "slots", .arg = "N", .help = "how many slots it has (default 1)" },
    { .name = "worker-address",
        .arg = "HOST:PORT",
        .help = "where the other workers reach it (default 127.0.0.1, any port)" },
    COMPRESSION_OPTION,
    { .name = "state-dir",
        .arg = "DIR",
        .help =
            "databases of tasks while they run, on a disk of this machine (default: a temporary folder)" },
    { .name = NULL },
};

static const struct cmd_option submit_options[] = {
    { .name = "coordinator",
        .arg = "URL",
        .help = "where to ask (default: CEPD_COORDINATOR, http://127.0.0.1:8081)" },
    CLIENT_SECURITY_OPTIONS,
    SET_OPTION,
    { .name = "name", .arg = "NAME", .help = "what the job is called (default: the file's name)" },
    { .name = "parallelism",
        .arg = "N",
        .help = "subtasks of each keyed operator, and slots (default: the coordinator's)" },
    { .name = "restore", .arg = "PATH", .help = "go on from that checkpoint or savepoint" },
    { .name = "allow-dropped-state", .help = "restore though some state fits nothing any more" },
    { .name = "state-backend", .arg = "memory|rocksdb", .help = "where keys of patterns lie" },
    { .name = "state-memory",
        .arg = "BYTES",
        .help = "memory: of one pattern's partial matches; rocksdb: of what is held in memory" },
    { .name = "checkpoint-interval", .arg = "D", .help = "time between checkpoints" },
    { .name = "checkpoint-timeout", .arg = "D", .help = "drop a checkpoint that takes longer" },
    { .name = "checkpoint-retained", .arg = "N", .help = "how many checkpoints are kept" },
    { .name = "checkpoint-mode",
        .arg = "aligned|unaligned",
        .help = "unaligned: barriers overtake rows under way" },
    { .name = "restart-strategy",
        .arg = "none|fixed-delay|exponential-delay|failure-rate",
        .help = "how the job goes back to its last checkpoint after a failure" },
    { .name = "restart-attempts",
        .arg = "N",
        .help = "fixed-delay: restarts in all; failure-rate: in an interval" },
    { .name = "restart-delay", .arg = "D", .help = "before a restart, or before the first" },
    { .name = "restart-max-delay", .arg = "D", .help = "exponential-delay: no delay is longer" },
    { .name = "batch-size", .arg = "ROWS", .help = "rows in a batch, 1 to 1024" },
    { .name = "channel-capacity", .arg = "N", .help = "batches and watermarks that wait between two tasks" },
    CONFIG_OPTION,
    { .name = "json", .help = "the answer as JSON, for a program" },
    { .name = NULL },
};

static const struct cmd_option replay_options[] = {
    { .name = "from", .arg = "SAVEPOINT", .help = "the savepoint or checkpoint to begin at" },
    { .name = "until", .arg = "TIMESTAMP", .help = "end when the watermark has come to it" },
    { .name = "compare",
        .arg = "OTHER.pattern",
        .help = "replay both, and print what only one of them alerts" },
    { .name = "sinks", .arg = "live", .help = "the file's own sinks write too" },
    { .name = "allow-dropped-state", .help = "begin though some state fits nothing in the file" },
    SET_OPTION,
    { .name = "config",
        .arg = "FILE",
        .help = "configuration (default: CEPD_CONFIG, ./cepd.yaml, /etc/cepd/cepd.yaml)" },
    { .name = NULL },
};
static const struct cmd_option state_options[] = {
    { .name = "pattern", .arg = "NAME", .help = "the keys of this pattern, the fullest first" },
    { .name = "key",
        .arg = "K",
        .help = "the partial matches of this key (several columns: values separated by commas)" },
    { .name = "json", .help = "as JSON, for a program" },
    { .name = NULL },
};

/* Headings of `cepd help`; commands of one heading stand together. */
#define WRITE   "write a pattern"
#define RUN     "run it on this machine"
#define CLUSTER "run it on a cluster"
#define LOOK    "look back"
#define LEARN   "learn more"

#define ANY UINT32_MAX

static const struct cmd_spec table[] = {
    { .name = "check",
        .group = WRITE,
        .operands = "FILE...",
        .summary = "compile only: all mistakes and warnings, and what each pattern may cost",
        .details = "Compiles each FILE and shows every mistake in it, with the line and a caret, in one run. "
                   "For a file\n"
                   "without mistakes it says what its patterns may cost: states, bytes a partial match, "
                   "whether every\n"
                   "partial match ends by itself.",
        .examples = "  cepd check card-testing.pattern\n  cepd check --set large=100 card-testing.pattern\n",
        .options = check_options,
        .min_operands = 1,
        .max_operands = ANY,
        .run = cmd_check },
    { .name = "fmt",
        .group = WRITE,
        .operands = "FILE...",
        .summary = "print a .pattern in the one layout",
        .details = "Prints each FILE in the layout that all .pattern files share; comments stay. Formatting "
                   "twice changes\n"
                   "nothing. A file that does not parse is left alone and its mistakes are shown.",
        .examples = "  cepd fmt card-testing.pattern\n  cepd fmt -w *.pattern\n",
        .options = fmt_options,
        .min_operands = 1,
        .max_operands = ANY,
        .run = cmd_fmt },
    { .name = "test",
        .group = WRITE,
        .operands = "FILE...",
        .summary = "run the test statements; expected against actual, side by side",
        .details = "Runs the test statements of each FILE: the given rows in their order, then the watermark "
                   "to the end of\n"
                   "time. Sources and sinks are not opened. The last line is \"N passed, N failed\".",
        .examples = "  cepd test card-testing.pattern\n",
        .options = test_options,
        .min_operands = 1,
        .max_operands = ANY,
        .run = cmd_test },
    { .name = "explain",
        .group = WRITE,
        .operands = "FILE",
        .summary = "what will run, and why so",
        .details = "Shows what FILE is compiled to, one stage at a time: the syntax tree (ast), names and "
                   "types (checked), the\n"
                   "plan, each pattern's automaton (nfa) and program, what patterns that read the same "
                   "streams have in\n"
                   "common (shared), and the graph of operators. Without --stage: a summary\n"
                   "with the chosen store and the reason, which conditions are evaluated a batch at a time, "
                   "and the columns\n"
                   "that partial matches keep. svg needs the program dot of graphviz.",
        .examples = "  cepd explain card-testing.pattern\n"
                    "  cepd explain --stage nfa --format svg card-testing.pattern > automaton.svg\n",
        .options = explain_options,
        .min_operands = 1,
        .max_operands = ANY,
        .run = cmd_explain },
    { .name = "run",
        .group = RUN,
        .operands = "FILE...",
        .summary = "the whole runtime in one process",
        .details =
            "Compiles the FILEs as one program and runs it: sources are read, patterns matched in "
            "event time, alerts and\n"
            "matches written to their sinks (an alert without a sink goes to standard output). With "
            "bounded sources it\n"
            "ends when they end, with the watermark at the end of time; else on SIGINT or SIGTERM, "
            "cleanly; a second\n"
            "signal ends it at once. Relative paths start at the folder of the first FILE.\n"
            "\n"
            "On a terminal one line shows events, events/s, the watermark and its lag, matches, "
            "alerts, late events and\n"
            "errors. At the end every count that explains a missing alert is said.\n"
            "\n"
            "With --state-dir the job survives the end of its process, however that came: every "
            "--checkpoint-interval its\n"
            "whole state (open partial matches, rows that wait, alerts that fire, positions of the "
            "sources) is put into\n"
            "DIR, and then what its sinks wrote so far is final. The same command with --restore "
            "latest goes on from the\n"
            "newest checkpoint that is whole; a file sink with delivery exactly once is cut back to "
            "what it held then.\n"
            "State that fits nothing in the file any more is listed, and refused without "
            "--allow-dropped-state.\n"
            "\n"
            "With --state-backend rocksdb patterns have --state-memory bytes in memory; keys that were "
            "not touched for long go\n"
            "to a database under --state-dir (without one: in a temporary folder) and come back when "
            "they are; so do events that wait for the watermark and need more than half of it. Checkpoints "
            "then\n"
            "hold what is new of it, and a restore serves from it at once. A checkpoint of one "
            "backend restores with the other.\n"
            "\n"
            "Such a job also gets over failures by itself (a sink's disk that is full, a connection "
            "that is lost): it goes back\n"
            "to its newest checkpoint after a while, as --restart-strategy says; each restart is said, "
            "with what failed. What\n"
            "the same input would bring about again (state.memory exceeded, a skip with or error) ends "
            "the job at once.",
        .examples = "  cepd run card-testing.pattern\n  tail -f payments.ndjson | cepd run "
                    "from-stdin.pattern --set large=100\n"
                    "  cepd run card-testing.pattern --state-dir state\n"
                    "  cepd run card-testing.pattern --state-dir state --restore latest\n",
        .options = run_options,
        .min_operands = 1,
        .max_operands = ANY,
        .run = cmd_run },
    { .name = "jobs",
        .group = RUN,
        .operands = "",
        .summary = "a table of the jobs that run",
        .details = "Asks a job that was started with --http. The exit status is 2 when it cannot be reached.",
        .examples = "  cepd jobs\n  cepd jobs --coordinator http://127.0.0.1:9000 --json\n",
        .options = client_options,
        .run = cmd_jobs },
    { .name = "job",
        .group = RUN,
        .operands = "ID",
        .summary = "how one job does: counts, watermark and who holds it, where time goes",
        .details =
            "ID is the job's id, the beginning of one, or a name, when only one job fits. Asks twice, a "
            "second apart: NOW, BUSY,\n"
            "BACKPRESSURED and IDLE are those of that second. An operator that is busy while those before it "
            "are backpressured\n"
            "is the slow one. HELD BY names the stream, and its partition, whose events the watermark waits "
            "for. IN counts rows;\n"
            "OUT counts rows, for a sink bytes; ERRORS includes rows that a sink gave up.",
        .examples = "  cepd job card-testing\n  cepd job f3110586 --json\n",
        .options = client_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = cmd_job },
    { .name = "cancel",
        .group = RUN,
        .operands = "ID",
        .summary = "end a job: sources stop, what was read goes through, sinks are drained",
        .details = "ID as in \"cepd job\". Returns when the job knows; it ends, with status 0, when its "
                   "sinks are drained.",
        .examples = "  cepd cancel card-testing\n",
        .options = client_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = cmd_cancel },
    { .name = "savepoint",
        .group = RUN,
        .operands = "ID [DIR]",
        .summary = "take a savepoint of a job that goes on, and print its path",
        .details =
            "A savepoint is the job's whole state in a folder of its own below DIR (default: the job's "
            "savepoint.dir): "
            "open partial\n"
            "matches, rows that wait, alerts that fire, positions of the sources, what sinks have not "
            "committed. It stands by "
            "itself:\n"
            "it may be moved, is read by any later version, and never expires. \"cepd run --restore PATH\" "
            "goes on from it, "
            "with\n"
            "another parallelism or an edited file if need be; \"cepd state show PATH\" says what it holds.\n"
            "\n"
            "ID as in \"cepd job\"; any job that was started with --http will do. When the savepoint fails "
            "the job goes "
            "on.",
        .examples = "  cepd savepoint card-testing /var/lib/cepd/savepoints\n",
        .options = client_options,
        .min_operands = 1,
        .max_operands = 2,
        .run = cmd_savepoint },
    { .name = "stop",
        .group = RUN,
        .operands = "ID [DIR]",
        .summary = "take a savepoint and end the job with it; prints the savepoint's path",
        .details =
            "Sources stop, what they read goes through, the savepoint is taken (as \"cepd savepoint\" does), "
            "sinks "
            "commit, and the\n"
            "job ends, with status 0. Nothing is read or written behind the savepoint, so that \"cepd run "
            "--restore "
            "PATH\"\n"
            "goes on as if the job had never stopped. Returns when the job has let go of its files. When the "
            "savepoint\n"
            "fails the job goes on.",
        .examples = "  cepd stop card-testing /var/lib/cepd/savepoints\n",
        .options = client_options,
        .min_operands = 1,
        .max_operands = 2,
        .run = cmd_stop },
    { .name = "cluster",
        .group = CLUSTER,
        .operands = "",
        .summary = "a coordinator and workers on this machine",
        .details = "Starts a coordinator and workers as processes of their own and stays in the foreground. "
                   "One that ends by itself is "
                   "started\n"
                   "again. SIGINT and SIGTERM end the coordinator first, which stops its jobs with a "
                   "checkpoint, then the workers; the "
                   "next\n"
                   "\"cepd cluster\" with the same DIR goes on with them. What jobs write to standard output "
                   "comes out here.",
        .examples = "  cepd cluster --workers 3 --slots 2\n  cepd submit card-testing.pattern\n",
        .options = cluster_options,
        .run = cmd_cluster },
    { .name = "coordinator",
        .group = CLUSTER,
        .operands = "",
        .summary = "the daemon that takes jobs and hands them to workers",
        .details = "Serves the REST interface, waits for workers, and sees to the jobs that are submitted: "
                   "it takes slots for them, "
                   "deploys their\n"
                   "tasks, takes checkpoints, and brings them back when a worker is lost. Under --state-dir "
                   "lie the registry of jobs "
                   "and, unless\n"
                   "the configuration says otherwise, their checkpoints and savepoints: workers have to "
                   "reach it by the same path. "
                   "A\n"
                   "coordinator that ends, in whatever way, leaves the jobs to the next one, which goes on "
                   "with them.",
        .examples =
            "  cepd coordinator --state-dir /var/lib/cepd\n  cepd coordinator --config /etc/cepd/cepd.yaml\n",
        .options = coordinator_options,
        .run = cmd_coordinator },
    { .name = "worker",
        .group = CLUSTER,
        .operands = "",
        .summary = "the daemon that runs tasks",
        .details = "Goes to the coordinator, says how many slots it has, and runs the tasks that are put "
                   "there. It may come at any time, "
                   "and is\n"
                   "looked for again while the coordinator is away; tasks end when it is, for they may have "
                   "been begun elsewhere. With "
                   "SIGTERM or\n"
                   "^C it says that it goes, and waits up to 10 s for its tasks to be taken away.",
        .examples = "  cepd worker --slots 4\n"
                    "  cepd worker --coordinator 10.0.0.1:6123 --worker-address 10.0.0.2:6124 --slots 8\n",
        .options = worker_options,
        .run = cmd_worker },
    { .name = "submit",
        .group = CLUSTER,
        .operands = "FILE",
        .summary = "run a file on the cluster; prints the job's id",
        .details = "Sends FILE and the files it includes to the coordinator, which compiles them: mistakes "
                   "and warnings come back as "
                   "\"cepd\n"
                   "check\" shows them, and with mistakes nothing is run (status 1). Relative paths of "
                   "sources and sinks start at the "
                   "folder of\n"
                   "FILE, by its path on this machine, which the workers have to have too. The job has as "
                   "many slots as its parallelism; "
                   "while\n"
                   "there are not so many it waits for them. What is not said here is as the coordinator's "
                   "configuration says.",
        .examples =
            "  cepd submit card-testing.pattern\n"
            "  cepd submit card-testing.pattern --parallelism 4 --set large=100 --checkpoint-interval '1 s'\n"
            "  cepd submit edited.pattern --restore "
            "/var/lib/cepd/savepoints/savepoint-da3f62-20261128T105211Z\n",
        .options = submit_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = cmd_submit },
    { .name = "workers",
        .group = CLUSTER,
        .operands = "",
        .summary = "a table of the workers and their slots",
        .details = "Asks the coordinator. A worker that has not been heard of for a while is said to be "
                   "silent; one that leaves gets no "
                   "more tasks.",
        .examples = "  cepd workers\n  cepd workers --json\n",
        .options = client_options,
        .run = cmd_workers },
    { .name = "rescale",
        .group = CLUSTER,
        .operands = "ID N",
        .summary = "another parallelism, from a checkpoint taken on the spot",
        .details =
            "ID as in \"cepd job\". Sources stop, what they read goes through, a checkpoint is taken, and "
            "the job goes on from it "
            "with N\n"
            "subtasks of each keyed operator, on N slots; while there are not so many it waits for them.",
        .examples = "  cepd rescale card-testing 4\n",
        .options = client_options,
        .min_operands = 2,
        .max_operands = 2,
        .run = cmd_rescale },
    { .name = "replay",
        .group = LOOK,
        .operands = "FILE",
        .summary = "read history again from a savepoint, with this file or an edited one",
        .details = "Reads the sources of FILE again from the savepoint's positions, at full speed and in "
                   "event time, with the state "
                   "that the\n"
                   "savepoint holds; alerts go to standard output as JSON. FILE's own sinks stay silent, or "
                   "append with --sinks live: "
                   "what\n"
                   "they wrote before is not cut back. The replay ends where the sources ended when it "
                   "began, or when the watermark "
                   "comes to\n"
                   "--until; what is still open then is not timed out. A source without positions (tcp, "
                   "stdin) is refused.\n"
                   "\n"
                   "With --compare both files are replayed, each from the savepoint's state as \"cepd run "
                   "--restore\" would map it. "
                   "Alerts that\n"
                   "only FILE gives are printed as \"< RECORD\", those that only OTHER.pattern gives as \"> "
                   "RECORD\", by time; the "
                   "last line\n"
                   "counts them. Two alerts are the same when all but their id is.",
        .examples = "  cepd replay card-testing.pattern --from savepoint-da3f62-20261128T105211Z\n"
                    "  cepd replay old.pattern --from state/checkpoints/chk-7 --compare new.pattern\n",
        .options = replay_options,
        .min_operands = 1,
        .max_operands = 1,
        .run = cmd_replay },
    { .name = "state",
        .group = LOOK,
        .operands = "show PATH",
        .summary = "what a checkpoint or savepoint holds, down to a key's partial matches",
        .details = "Reads the folder alone: the .pattern file is not needed. Every file is checked on the "
                   "way; a damaged one is "
                   "named.\n"
                   "Without options: the operators, how much each holds, where sources are, what sinks have "
                   "not committed, in "
                   "which states\n"
                   "partial matches stand, which alerts fire. With --pattern: its keys. With --key: its "
                   "partial matches, the events "
                   "they\n"
                   "have taken, what they wait for, and when their time is over.",
        .examples = "  cepd state show state/checkpoints/chk-42\n"
                    "  cepd state show savepoint-da3f62-20261128T105211Z --pattern rising --key c17\n",
        .options = state_options,
        .min_operands = 2,
        .max_operands = 2,
        .run = cmd_state },
    { .name = "help",
        .group = LEARN,
        .operands = "[COMMAND|TOPIC]",
        .summary = "this list, or one command or topic",
        .details = "Explains a command, or a topic: connectors, formats, functions, config, or the name of "
                   "one connector, format\n"
                   "or function.",
        .examples = "  cepd help run\n  cepd help file\n  cepd help substring\n",
        .options = help_options,
        .max_operands = 1,
        .run = cmd_help },
};

const struct cmd_spec *cmd_at(size_t i) {
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const struct cmd_spec *cmd_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
