#pragma once
/*
 * cmd_replay -- what `cepd replay` is made of: the runs (cmd_replay.c), and two runs held against each other
 * (cmd_replay_diff.c).
 */
#include "base/base_buf.h"

struct cmd_replay_diff {
    uint64_t both, only[2];
};

/*
 * Alerts of two runs, a record a line: those that only one of them gave are appended as "< record" and "> record", by time. Two
 * records are the same alert when all is the same but the id, which speaks of the file that it came from.
 */
struct cmd_replay_diff cmd_replay_compare(struct base_buf *out, const struct base_buf records[2]);
