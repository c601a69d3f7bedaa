/*
 * con_inflate -- zlib and libzstd behind one call.
 */
#include "connect/con_inflate.h"

#include "connect/con_internal.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { INFLATE_IN = 128 * 1024 };

struct con_inflate {
    enum con_compression kind;
    z_stream gz;
    ZSTD_DStream *zs;
    size_t in_pos, in_len;
    bool eof;     /* of the file */
    bool between; /* a member has ended, the next has not begun */
    bool over;
    char in[INFLATE_IN];
};

static bool ends_with(const char *s, const char *end) {
    size_t a = strlen(s), b = strlen(end);
    return a >= b && strcmp(s + a - b, end) == 0;
}

enum con_compression con_compression_of(const char *head, size_t len, const char *path) {
    if (len >= 2 && memcmp(head, "\x1f\x8b", 2) == 0)
        return CON_GZIP;
    if (len >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
        return CON_ZSTD;
    if (len == 0)
        return CON_PLAIN;
    if (ends_with(path, ".gz"))
        return CON_GZIP;
    return ends_with(path, ".zst") || ends_with(path, ".zstd") ? CON_ZSTD : CON_PLAIN;
}

struct con_inflate *con_inflate_new(enum con_compression kind) {
    CEP_REQUIRE(kind == CON_GZIP || kind == CON_ZSTD);
    struct con_inflate *z = base_calloc(1, sizeof *z);
    z->kind = kind;
    z->between = true;
    if (kind == CON_GZIP) {
        CEP_INSIST(inflateInit2(&z->gz, 15 + 16) == Z_OK);
    } else {
        z->zs = ZSTD_createDStream();
        CEP_INSIST(z->zs && !ZSTD_isError(ZSTD_initDStream(z->zs)));
    }
    return z;
}

void con_inflate_free(struct con_inflate *z) {
    if (!z)
        return;
    if (z->kind == CON_GZIP)
        inflateEnd(&z->gz);
    ZSTD_freeDStream(z->zs);
    base_free(z);
}

static enum cep_rc inflate_more(struct con_inflate *z, int fd, struct cep_err *err) {
    ssize_t got;
    do
        got = read(fd, z->in, sizeof z->in);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return base_err_set(err, CEP_EIO, "could not read: %s", strerror(errno));
    z->in_pos = 0;
    z->in_len = (size_t)got;
    z->eof = got == 0;
    return CEP_OK;
}

static enum cep_rc inflate_gzip(struct con_inflate *z, char *to, size_t cap, size_t *n, struct cep_err *err) {
    /* gzip(1) ignores what follows a member and is none, such as the padding of tapes. */
    if (z->between && *n == 0 && z->gz.total_in > 0) {
        if (z->in_len - z->in_pos >= 1 && (unsigned char)z->in[z->in_pos] != 0x1f) {
            z->over = true;
            return CEP_OK;
        }
        inflateReset(&z->gz);
    }
    z->gz.next_in = (Bytef *)z->in + z->in_pos;
    z->gz.avail_in = (uInt)(z->in_len - z->in_pos);
    z->gz.next_out = (Bytef *)to;
    z->gz.avail_out = (uInt)(cap < UINT32_MAX ? cap : UINT32_MAX);
    uInt room = z->gz.avail_out;
    z->between = false;
    int rc = inflate(&z->gz, Z_NO_FLUSH);
    z->in_pos = z->in_len - z->gz.avail_in;
    *n = room - z->gz.avail_out;
    if (rc == Z_STREAM_END)
        z->between = true;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return base_err_set(err, CEP_EDAMAGED, "damaged gzip data: %s", z->gz.msg ? z->gz.msg : zError(rc));
    return CEP_OK;
}

static enum cep_rc inflate_zstd(struct con_inflate *z, char *to, size_t cap, size_t *n, struct cep_err *err) {
    ZSTD_inBuffer in = { z->in, z->in_len, z->in_pos };
    ZSTD_outBuffer out = { to, cap, 0 };
    size_t rc = ZSTD_decompressStream(z->zs, &out, &in);
    z->in_pos = in.pos;
    *n = out.pos;
    if (ZSTD_isError(rc))
        return base_err_set(err, CEP_EDAMAGED, "damaged zstd data: %s", ZSTD_getErrorName(rc));
    z->between = rc == 0;
    return CEP_OK;
}

enum cep_rc con_inflate_read(
    struct con_inflate *z, int fd, char *to, size_t cap, size_t *n, struct cep_err *err) {
    *n = 0;
    while (*n == 0) {
        if (z->over)
            return CEP_NONE;
        enum cep_rc rc;
        /* Even with no input left there may be output inside the decompressor. */
        if (z->in_pos < z->in_len || (!z->between && z->eof)) {
            rc = z->kind == CON_GZIP ? inflate_gzip(z, to, cap, n, err) : inflate_zstd(z, to, cap, n, err);
            if (rc != CEP_OK && *n > 0)
                rc = CEP_OK; /* comes again */
            if (rc != CEP_OK)
                return rc;
        }
        if (*n > 0 || z->in_pos < z->in_len)
            continue;
        if (z->eof) {
            z->over = true;
            if (!z->between)
                return base_err_set(err, CEP_EDAMAGED, "%s data cut off before their end",
                    z->kind == CON_GZIP ? "gzip" : "zstd");
            return CEP_NONE;
        }
        if ((rc = inflate_more(z, fd, err)) != CEP_OK)
            return rc;
    }
    return CEP_OK;
}
