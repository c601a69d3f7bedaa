#pragma once
/*
 * clu_address -- HOST:PORT as text, and as what sockets take.
 */
#include "cep/error.h"

#include <stddef.h>
#include <sys/socket.h>

struct clu_address {
    struct sockaddr_storage at;
    socklen_t len;
};

/* "HOST:PORT", "[HOST]:PORT". Returns: false when it is neither, or the host does not fit. */
bool clu_address_split(const char *text, char *host, size_t size, uint16_t *port);
/* The first address that the name has; may wait for a name server. `what` it is for, in messages. Returns: CEP_EINVAL, CEP_EIO. */
enum cep_rc clu_address_find(
    const char *text, const char *what, struct clu_address *out, struct cep_err *err);
/* The same without waiting: only numbers. Returns: false when it is a name. */
bool clu_address_numeric(const char *text, struct clu_address *out);
bool clu_address_is_loopback(const struct sockaddr_storage *at);
/* Appends nothing, writes "10.0.0.1:6123" or "[::1]:6123". */
void clu_address_write(const struct sockaddr_storage *at, char *out, size_t size);

enum { CLU_ADDRESS_MAX = 300 };

/* A listening socket, non-blocking; *port is the one it has. Owns: the caller closes *fd. */
enum cep_rc clu_address_listen(const char *text, int *fd, uint16_t *port, struct cep_err *err);
