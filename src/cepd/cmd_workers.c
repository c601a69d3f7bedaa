/*
 * cmd_workers -- `cepd workers`: a table of a cluster's workers and their slots.
 */
#include "cepd/cmd_client.h"

#include "time/clk.h"

static void write_table(struct base_buf *b, struct base_arena *a, struct base_str json, int64_t now_ms) {
    static const char *const heads[] = { "WORKER", "HOST", ">PID", "ROWS AT", ">SLOTS", ">FREE", "SINCE",
        "" };
    struct cmd_table t;
    cmd_table_init(&t, a, heads, sizeof heads / sizeof *heads);
    for (size_t i = 0;; i++) {
        const char *id = cmd_json_text(a, json, "$.taskmanagers[%zu].id", i);
        int64_t since = 0, heard = 0;
        if (!id[0])
            break;
        (void)cmd_json_num(a, json, &since, "$.taskmanagers[%zu].registered", i);
        (void)cmd_json_num(a, json, &heard, "$.taskmanagers[%zu].timeSinceLastHeartbeat", i);
        const char **row = cmd_table_row(&t);
        row[0] = id;
        row[1] = cmd_json_text(a, json, "$.taskmanagers[%zu].host", i);
        row[2] = cmd_json_text(a, json, "$.taskmanagers[%zu].pid", i);
        row[3] = cmd_json_text(a, json, "$.taskmanagers[%zu].path", i);
        row[4] = cmd_json_text(a, json, "$.taskmanagers[%zu].slotsNumber", i);
        row[5] = cmd_json_text(a, json, "$.taskmanagers[%zu].freeSlots", i);
        row[6] = since > 0 ? cmd_time_text(a, since) : "";
        if (strcmp(cmd_json_text(a, json, "$.taskmanagers[%zu].leaving", i), "true") == 0)
            row[7] = "leaving";
        else if (heard > 0 && now_ms - heard > 3000)
            row[7] = base_arena_printf(a, "silent for %s", cmd_duration_text(a, now_ms - heard));
    }
    cmd_table_write(b, &t);
}

int cmd_workers(const struct cmd_args *args) {
    struct base_buf body = BASE_BUF_INIT, text = BASE_BUF_INIT;
    struct base_arena a;
    base_arena_init(&a, 0);
    int status = cmd_client_call(args, "GET", "/taskmanagers", NULL, &body);
    if (status == CMD_DONE && cmd_args_has(args, "json"))
        base_buf_str(&text, base_buf_view(&body));
    else if (status == CMD_DONE)
        write_table(&text, &a, base_buf_view(&body), clk_now(clk_system()) / 1000);
    if (status == CMD_DONE)
        status = cmd_print(stdout, &text);
    base_arena_release(&a);
    base_buf_release(&body);
    base_buf_release(&text);
    return status;
}
