/*
 * con_tcp -- the connector `tcp`: options and addresses.
 */
#include "connect/con_tcp.h"

#include "connect/con_outbox.h"

#include <netdb.h>
#include <stdio.h>

static const struct plan_opt_spec source_opts[] = {
    { .name = "host",
        .kind = EVT_STRING,
        .default_text = "'127.0.0.1'",
        .help = "the address to listen on; '0.0.0.0' for all" },
    { .name = "port",
        .kind = EVT_INT,
        .required = true,
        .min = 0,
        .max = 65535,
        .help = "the port to listen on; 0 = any that is free (it is said)" },
    { .name = "max_connections",
        .kind = EVT_INT,
        .default_text = "1000",
        .min = 1,
        .max = 1000000,
        .help = "more at a time are refused and counted" },
    { .name = "connections",
        .kind = EVT_INT,
        .default_text = "0",
        .min = 0,
        .max = INT64_MAX,
        .help = "the stream ends when so many have come and gone; 0 = never" },
    { .name = NULL },
};

static const struct plan_opt_spec sink_opts[] = {
    { .name = "host", .kind = EVT_STRING, .default_text = "'127.0.0.1'", .help = "where to connect to" },
    { .name = "port", .kind = EVT_INT, .required = true, .min = 1, .max = 65535, .help = "its port" },
    CON_OUTBOX_OPTS("100 ms", "wait before the first reconnect; doubled each time", "10 s"),
    { .name = NULL },
};

enum cep_rc con_tcp_address(const char *host, uint16_t port, bool passive, struct sockaddr_storage *out,
    socklen_t *len, struct cep_err *err) {
    char service[8];
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0) };
    struct addrinfo *list = NULL;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int rc = getaddrinfo(host[0] ? host : NULL, service, &hints, &list);
    if (rc != 0)
        return base_err_set(err, CEP_EIO, "could not find host \"%s\": %s", host, gai_strerror(rc));
    memcpy(out, list->ai_addr, list->ai_addrlen);
    *len = list->ai_addrlen;
    freeaddrinfo(list);
    return CEP_OK;
}

void con_tcp_name(const struct sockaddr *addr, socklen_t len, char *to, size_t size) {
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
    if (getnameinfo(addr, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(host, sizeof host, "?");
    snprintf(to, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

const struct con_connector con_tcp = {
    .spec = { .name = "tcp",
        .is_source = true,
        .is_sink = true,
        .default_format = "json",
        .source_opts = source_opts,
        .sink_opts = sink_opts,
        .help = "as a source listens, each connection a producer; as a sink connects out, and again when it "
                "is cut" },
    .source = &con_tcp_source,
    .sink = &con_tcp_sink,
};
