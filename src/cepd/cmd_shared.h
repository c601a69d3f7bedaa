#pragma once
/*
 * cmd_shared -- what patterns that read the same streams have in common, for `cepd explain`: who they are, how many of their
 * conditions are the same, which are looked up by their constants (nfa/nfa_many.h).
 *
 * As in one task. Where rows are dealt out by key to several, patterns with other keys are apart.
 */
#include "base/base_buf.h"
#include "cep/error.h"
#include "plan/plan.h"

enum cmd_shared_form { CMD_SHARED_SUMMARY = 0, CMD_SHARED_TEXT, CMD_SHARED_JSON, CMD_SHARED_FORM_MAX };

enum cep_rc cmd_shared_write(
    struct base_buf *b, const struct plan *p, enum cmd_shared_form form, struct cep_err *err);
