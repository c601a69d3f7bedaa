#pragma once
/*
 * clu_tls_internal -- OpenSSL's side of clu_tls, for clu_stream and clu_http.
 */
#include "cluster/clu_tls.h"

#include <openssl/ssl.h>

struct clu_tls {
    SSL_CTX *peers; /* owned; between processes, both ways: mutual */
    SSL_CTX *rest;  /* owned; the server's for REST: clients need no certificate */
};

/* Sets "what: OpenSSL's reason" from its queue of errors, which is empty then. */
enum cep_rc clu_tls_error(struct cep_err *err, enum cep_rc rc, const char *what);
