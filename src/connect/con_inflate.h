#pragma once
/*
 * con_inflate -- gzip and zstd files read as if they were plain. Several members or frames behind each other are one
 * stream, as gunzip and zstd have it.
 */
#include "base/base_str.h"
#include "cep/error.h"

struct con_inflate;

enum con_compression { CON_PLAIN = 0, CON_GZIP, CON_ZSTD, CON_COMPRESSION_MAX };

/* By the first bytes, else by the name's end. */
enum con_compression con_compression_of(const char *head, size_t len, const char *path);

/* Owns: the caller, who frees it with con_inflate_free(). The file stays the caller's. */
struct con_inflate *con_inflate_new(enum con_compression kind);
void con_inflate_free(struct con_inflate *z); /* NULL is fine */
/*
 * Up to `cap` bytes from `fd`, decompressed. Returns: CEP_OK with *n > 0; CEP_NONE at the end; CEP_EDAMAGED when the data
 * are broken or cut off (what could be read has come before), CEP_EIO.
 */
enum cep_rc con_inflate_read(
    struct con_inflate *z, int fd, char *to, size_t cap, size_t *n, struct cep_err *err);
