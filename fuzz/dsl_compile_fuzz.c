/*
 * The whole front end over any bytes: scanner, parser, names, types, plan, dumps. Nothing may crash, hang or leak; a plan
 * comes exactly when there was no mistake; compiling is a function of the text.
 */
#include "dsl/dsl_compile.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "fuzz/fuzz_main.h"
#include "tests/dsl/dsl_test_catalog.h"

static uint64_t compile(struct base_str text, bool dump) {
    struct dsl_diag diag;
    struct plan *plan = NULL;
    struct base_buf out = BASE_BUF_INIT;
    dsl_diag_init(&diag);
    enum cep_rc rc = dsl_compile(&(struct dsl_sources){ .text_name = "fuzz.pattern", .text = text },
        &test_catalog, NULL, &diag, &plan);
    CEP_INSIST((rc == CEP_OK) == (plan != NULL) && (rc == CEP_OK) == (diag.n_errors == 0));
    dsl_diag_render(&diag, NULL, &out);
    if (plan && dump) {
        dsl_checked_write(&out, plan);
        plan_write(&out, plan);
        plan_write_dot(&out, plan);
    }
    uint64_t h = base_hash(out.p ? out.p : "", out.len);
    base_buf_release(&out);
    plan_free(plan);
    dsl_diag_release(&diag);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct base_str text = { (const char *)data, size };
    CEP_INSIST(compile(text, true) == compile(text, true));
    return 0;
}
