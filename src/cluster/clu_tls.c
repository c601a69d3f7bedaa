/*
 * clu_tls -- see clu_tls.h.
 */
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_address.h"
#include "cluster/clu_tls_internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

enum cep_rc clu_tls_error(struct cep_err *err, enum cep_rc rc, const char *what) {
    int e = errno;
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    if (reason)
        return base_err_set(err, rc, "%s: %s", what, reason);
    return base_err_set(err, rc, "%s: %s", what, e ? strerror(e) : "the connection was closed");
}

static enum cep_rc load(SSL_CTX *ctx, const struct clu_security *s, struct cep_err *err) {
    char what[300];
    if (SSL_CTX_use_certificate_chain_file(ctx, s->cert) != 1) {
        snprintf(what, sizeof what, "could not use certificate \"%s\" (security.tls.cert)", s->cert);
        return clu_tls_error(err, CEP_EINVAL, what);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, s->key, SSL_FILETYPE_PEM) != 1) {
        snprintf(what, sizeof what, "could not use key \"%s\" (security.tls.key)", s->key);
        return clu_tls_error(err, CEP_EINVAL, what);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        snprintf(what, sizeof what, "key \"%s\" does not belong to certificate \"%s\"", s->key, s->cert);
        return clu_tls_error(err, CEP_EINVAL, what);
    }
    if (SSL_CTX_load_verify_locations(ctx, s->ca, NULL) != 1) {
        snprintf(what, sizeof what, "could not use authority \"%s\" (security.tls.ca)", s->ca);
        return clu_tls_error(err, CEP_EINVAL, what);
    }
    return CEP_OK;
}

enum cep_rc clu_tls_new(const struct clu_security *s, struct clu_tls **out, struct cep_err *err) {
    *out = NULL;
    if (!s->cert && !s->key && !s->ca)
        return CEP_OK;
    if (!s->cert || !s->key || !s->ca) {
        (void)base_err_set(err, CEP_EINVAL, "%s is not given",
            !s->cert  ? "security.tls.cert"
            : !s->key ? "security.tls.key"
                      : "security.tls.ca");
        base_err_hint(err, "security.tls.cert, security.tls.key and security.tls.ca go together");
        return CEP_EINVAL;
    }
    struct clu_tls *tls = base_calloc(1, sizeof *tls);
    tls->peers = SSL_CTX_new(TLS_method());
    tls->rest = SSL_CTX_new(TLS_server_method());
    enum cep_rc rc = CEP_OK;
    if (!tls->peers || !tls->rest || SSL_CTX_set_min_proto_version(tls->peers, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_min_proto_version(tls->rest, TLS1_2_VERSION) != 1)
        rc = clu_tls_error(err, CEP_EIO, "could not start TLS");
    if (rc == CEP_OK)
        rc = load(tls->peers, s, err);
    if (rc == CEP_OK)
        rc = load(tls->rest, s, err);
    if (rc != CEP_OK) {
        clu_tls_free(tls);
        return rc;
    }
    SSL_CTX_set_verify(tls->peers, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    /* Sessions are long; to take one up again would save nothing and its tickets cost a write. */
    SSL_CTX_set_num_tickets(tls->peers, 0);
    SSL_CTX_set_session_cache_mode(tls->peers, SSL_SESS_CACHE_OFF);
    *out = tls;
    return CEP_OK;
}

void clu_tls_free(struct clu_tls *tls) {
    if (!tls)
        return;
    SSL_CTX_free(tls->peers);
    SSL_CTX_free(tls->rest);
    base_free(tls);
}

enum cep_rc clu_security_check(
    const struct clu_security *s, const char *key, const char *address, struct cep_err *err) {
    struct clu_address a;
    if (s->none || s->cert)
        return CEP_OK;
    enum cep_rc rc = clu_address_find(address, key, &a, err);
    if (rc != CEP_OK || clu_address_is_loopback(&a.at))
        return rc;
    (void)base_err_set(err, CEP_EINVAL,
        "%s %s can be reached from other machines, and who reaches it could run jobs here", key, address);
    base_err_hint(err, "give security.tls.cert, .key and .ca, or say `security: none` where the network is "
                       "closed to others");
    return CEP_EINVAL;
}

bool clu_token_eq(const char *a, const char *b) {
    size_t n = a ? strlen(a) : 0, m = b ? strlen(b) : 0;
    return n == m && (n == 0 || CRYPTO_memcmp(a, b, n) == 0);
}
