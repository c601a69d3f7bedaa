#pragma once
/*
 * con_csv -- what reading and writing CSV (RFC 4180) share: the dialect.
 */
#include "connect/con_internal.h"
#include "connect/con_time.h"

struct con_csv_dialect {
    bool header;
    char delimiter, quote; /* quote '\0' = no quoting */
    char escape;           /* '\0' = a quote inside quotes is doubled */
    char null[64];         /* text that stands for null, unquoted; "" = an empty field */
    size_t null_len;
};

/* Returns: CEP_EINVAL with the option's place. */
enum cep_rc con_csv_dialect(
    struct con_csv_dialect *d, const struct plan_opt *opts, uint32_t n_opts, struct cep_err *err);

extern const struct con_decoder_vt con_csv_decoder;
extern const struct con_encoder_vt con_csv_encoder;
