/*
 * dsl_parse_fuzz -- any bytes as a .pattern file: parse, show the mistakes, dump, format.
 *
 * Asserts: what parses formats; the formatted text has the same AST dump; formatting it again changes nothing. Every
 * file with a broken statement has an error to show for it.
 */
#include "fuzz/fuzz_main.h"

#include "dsl/dsl_dump.h"
#include "dsl/dsl_fmt.h"
#include "dsl/dsl_parse.h"

#include "base/base_check.h"

static bool dump(struct base_str text, struct base_buf *out, struct base_buf *shown) {
    struct dsl_diag diag;
    struct base_arena arena;
    const struct dsl_dump_opts spans = { .spans = true };
    dsl_diag_init(&diag);
    base_arena_init(&arena, 0);
    const struct dsl_program *prog = dsl_parse_text("fuzz.pattern", text, &arena, &diag);
    dsl_dump(prog, NULL, out);
    dsl_diag_render(&diag, NULL, shown);
    base_buf_clear(shown);
    dsl_dump(prog, &spans, shown);
    bool ok = !dsl_diag_failed(&diag);
    for (size_t i = 0; i < prog->n_stmts; i++)
        CEP_REQUIRE(!ok || !prog->stmts[i]->broken);
    base_arena_release(&arena);
    dsl_diag_release(&diag);
    return ok;
}

static bool format(struct base_str text, struct base_buf *out) {
    struct dsl_diag diag;
    dsl_diag_init(&diag);
    bool ok = dsl_fmt_text("fuzz.pattern", text, &diag, out);
    dsl_diag_release(&diag);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct base_str text = { (const char *)data, size };
    struct base_buf tree = BASE_BUF_INIT, tree2 = BASE_BUF_INIT, once = BASE_BUF_INIT, twice = BASE_BUF_INIT,
                    shown = BASE_BUF_INIT;
    bool ok = dump(text, &tree, &shown);
    CEP_REQUIRE(format(text, &once) == ok);
    if (ok) {
        CEP_REQUIRE(dump(base_buf_view(&once), &tree2, &shown));
        CEP_REQUIRE(base_str_eq(base_buf_view(&tree), base_buf_view(&tree2)));
        CEP_REQUIRE(format(base_buf_view(&once), &twice));
        CEP_REQUIRE(base_str_eq(base_buf_view(&once), base_buf_view(&twice)));
    }
    base_buf_release(&tree);
    base_buf_release(&tree2);
    base_buf_release(&once);
    base_buf_release(&twice);
    base_buf_release(&shown);
    return 0;
}
