#pragma once
/*
 * clu_tls -- who may talk to the processes of a cluster, and how: certificates and the token (security.*).
 *
 * With certificates every connection between processes is TLS 1.3 and mutual: each end shows one that `ca` signed. The name in
 * it is not compared with the host: what counts is that our own authority signed it, so workers may come from any address. For REST
 * the server shows its certificate; clients are known by the bearer token.
 */
#include "cep/error.h"

#include <stdbool.h>

struct clu_security {
    const char *cert, *key, *ca; /* security.tls.cert, .key, .ca: PEM files; all or none */
    const char *token;           /* security.token; NULL = none */
    bool none;                   /* `security.mode: none`: said, not forgotten */
};

struct clu_tls;

/* Reads the files. *out is NULL when there are none (plain connections). Returns: CEP_EINVAL, CEP_EIO. Owns: the caller frees it. */
enum cep_rc clu_tls_new(const struct clu_security *s, struct clu_tls **out, struct cep_err *err);
void clu_tls_free(struct clu_tls *tls); /* NULL is fine */

/*
 * Is it all right to listen at `address` (HOST:PORT) with that? Loopback: always. Else certificates, or `none` said.
 * Returns: CEP_EINVAL with what to do; `key` is the configuration's key that has the address.
 */
enum cep_rc clu_security_check(
    const struct clu_security *s, const char *key, const char *address, struct cep_err *err);
/* Equal, in a time that does not depend on where they differ. NULL is a token like "". */
bool clu_token_eq(const char *a, const char *b);
