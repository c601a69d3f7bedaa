/*
 * clu_address -- see clu_address.h.
 */
#include "cluster/clu_address.h"

#include "base/base_err.h"
#include "base/base_num.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 128 };

bool clu_address_split(const char *text, char *host, size_t size, uint16_t *port) {
    const char *colon = strrchr(text, ':');
    int64_t n;
    if (!colon || !base_parse_i64(base_str_of(colon + 1), &n) || n < 0 || n > UINT16_MAX)
        return false;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
        text++, len -= 2;
    if (len == 0 || len >= size)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *port = (uint16_t)n;
    return true;
}

static int look_up(const char *host, uint16_t port, int flags, struct clu_address *out) {
    char service[8];
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags };
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%u", port);
    int e = getaddrinfo(host, service, &hints, &found);
    if (e == 0) {
        memcpy(&out->at, found->ai_addr, found->ai_addrlen);
        out->len = found->ai_addrlen;
        freeaddrinfo(found);
    }
    return e;
}

enum cep_rc clu_address_find(
    const char *text, const char *what, struct clu_address *out, struct cep_err *err) {
    char host[256];
    uint16_t port;
    if (!clu_address_split(text, host, sizeof host, &port))
        return base_err_set(err, CEP_EINVAL, "%s is not an address: \"%s\", want HOST:PORT", what, text);
    int e = look_up(host, port, AI_NUMERICSERV, out);
    if (e != 0)
        return base_err_set(err, CEP_EIO, "could not find host \"%s\" of %s: %s", host, what,
            e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
    return CEP_OK;
}

bool clu_address_numeric(const char *text, struct clu_address *out) {
    char host[256];
    uint16_t port;
    return clu_address_split(text, host, sizeof host, &port) &&
           look_up(host, port, AI_NUMERICSERV | AI_NUMERICHOST, out) == 0;
}

bool clu_address_is_loopback(const struct sockaddr_storage *at) {
    if (at->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)at)->sin6_addr);
    return at->ss_family == AF_INET &&
           ntohl(((const struct sockaddr_in *)at)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static uint16_t port_of(const struct sockaddr_storage *at) {
    return ntohs(at->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)at)->sin6_port
                                           : ((const struct sockaddr_in *)at)->sin_port);
}

void clu_address_write(const struct sockaddr_storage *at, char *out, size_t size) {
    char host[INET6_ADDRSTRLEN] = "?";
    bool v6 = at->ss_family == AF_INET6;
    const void *ip = v6 ? (const void *)&((const struct sockaddr_in6 *)at)->sin6_addr
                        : (const void *)&((const struct sockaddr_in *)at)->sin_addr;
    if (at->ss_family == AF_INET || v6)
        inet_ntop(at->ss_family, ip, host, sizeof host);
    snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", host, port_of(at));
}

enum cep_rc clu_address_listen(const char *text, int *fd, uint16_t *port, struct cep_err *err) {
    struct clu_address a;
    enum cep_rc rc = clu_address_find(text, "the address to listen on", &a, err);
    if (rc != CEP_OK)
        return rc;
    int one = 1, s = socket(a.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof a.at;
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(s, (struct sockaddr *)&a.at, a.len) != 0 || listen(s, BACKLOG) != 0 ||
        getsockname(s, (struct sockaddr *)&a.at, &len) != 0) {
        rc = base_err_set(err, CEP_EIO, "could not listen on %s: %s", text, strerror(errno));
        if (s >= 0)
            close(s);
        return rc;
    }
    *fd = s;
    *port = port_of(&a.at);
    return CEP_OK;
}
