#pragma once
/*
 * con_tcp -- the connector `tcp`; its halves are con_tcp_source.c (listens) and con_tcp_sink.c (connects out).
 */
#include "connect/con_internal.h"

#include <sys/socket.h>

extern const struct con_source_vt con_tcp_source;
extern const struct con_sink_vt con_tcp_sink;

/* Looks a host up (blocking: at open only). Returns: CEP_EIO. */
enum cep_rc con_tcp_address(const char *host, uint16_t port, bool passive, struct sockaddr_storage *out,
    socklen_t *len, struct cep_err *err);
/* "127.0.0.1:4711", "[::1]:4711" */
void con_tcp_name(const struct sockaddr *addr, socklen_t len, char *to, size_t size);
/* The port a source listens on: what port = 0 became. */
uint16_t con_tcp_source_port(const struct con_source *src);
