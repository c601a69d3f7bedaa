/*
 * expr_func_data -- encodings, hashes, JSON in columns, and addresses of the network.
 */
#include "base/base_err.h"
#include "expr/expr_digest.h"
#include "expr/expr_func_util.h"
#include "expr/expr_json.h"

#include <arpa/inet.h>
#include <xxhash.h>

/* -- hex and base64 ------------------------------------------------------------------------------------------------------ */

static void data_put_hex(struct expr_call *call, struct evt_val *out, const unsigned char *p, size_t len) {
    static const char digits[] = "0123456789abcdef";
    char *to = expr_result_alloc(call, out, len * 2);
    if (!to)
        return;
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[p[i] >> 4];
        to[2 * i + 1] = digits[p[i] & 15];
    }
    expr_put_str(out, (struct base_str){ to, len * 2 });
}

static void data_to_hex(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    data_put_hex(call, out, (const unsigned char *)args[0].s.p, args[0].s.len);
}

static void data_int_to_hex(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    expr_put_str(out, base_str_of(base_arena_printf(call->scratch, "%llx", (unsigned long long)args[0].i)));
}

static const char data_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void data_put_base64(struct expr_call *call, struct evt_val *out, struct base_str s) {
    char *to = expr_result_alloc(call, out, (s.len + 2) / 3 * 4);
    if (!to)
        return;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t left = s.len - i;
        const unsigned char *p = (const unsigned char *)s.p + i;
        uint32_t v = (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);
        to[n++] = data_alphabet[v >> 18];
        to[n++] = data_alphabet[v >> 12 & 63];
        to[n++] = left > 1 ? data_alphabet[v >> 6 & 63] : '=';
        to[n++] = left > 2 ? data_alphabet[v & 63] : '=';
    }
    expr_put_str(out, (struct base_str){ to, n });
}

static int data_digit64(char c) {
    if (c == '-' || c == '_') /* the alphabet of URLs */
        return c == '-' ? 62 : 63;
    const char *at = c ? strchr(data_alphabet, c) : NULL;
    return at ? (int)(at - data_alphabet) : -1;
}

static bool data_from_base64(struct base_str s, char *to, size_t *len) {
    while (s.len > 0 && s.p[s.len - 1] == '=')
        s.len--;
    if (s.len % 4 == 1)
        return false;
    uint32_t v = 0;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int d = data_digit64(s.p[i]);
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
        if (i % 4 > 0)
            to[n++] = (char)(v >> (6 - 2 * (i % 4)));
    }
    *len = n;
    return true;
}

static bool data_from_hex(struct base_str s, char *to, size_t *len) {
    if (s.len % 2)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i], low = (char)(c | 0x20);
        int d = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (d < 0)
            return false;
        to[i / 2] = (char)(i % 2 ? to[i / 2] << 4 | d : d);
    }
    *len = s.len / 2;
    return true;
}

static const char *const data_encodings[] = { "hex", "base64" };
static const char data_no_encoding[] = "the encoding is neither hex nor base64";

static enum cep_rc data_prepare_encoding(struct base_arena *a, const struct expr *const *args,
    uint32_t n_args, void **state, struct cep_err *err) {
    (void)a;
    (void)n_args;
    (void)state;
    if (args[1] && expr_name_index(data_encodings, 2, evt_val_str(&args[1]->val)) < 0)
        return base_err_set(err, CEP_EINVAL, "%s", data_no_encoding);
    return CEP_OK;
}

static void data_encode(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    int how = expr_name_index(data_encodings, 2, evt_val_str(&args[1]));
    if (how < 0)
        expr_fail(call, out, data_no_encoding);
    else if (how == 0)
        data_to_hex(call, args, out);
    else
        data_put_base64(call, out, evt_val_str(&args[0]));
}

static void data_decode(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]);
    int how = expr_name_index(data_encodings, 2, evt_val_str(&args[1]));
    if (how < 0) {
        expr_fail(call, out, data_no_encoding);
        return;
    }
    char *to = expr_result_alloc(call, out, s.len);
    size_t len = 0;
    if (!to)
        return;
    if (how == 0 ? data_from_hex(s, to, &len) : data_from_base64(s, to, &len))
        expr_put_str(out, (struct base_str){ to, len });
    else
        expr_fail(call, out, how == 0 ? "text is not hex" : "text is not base64");
}

/* -- hashes ------------------------------------------------------------------------------------------------------------------ */

static void data_md5(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    unsigned char digest[EXPR_MD5_LEN];
    expr_md5(evt_val_str(&args[0]), digest);
    data_put_hex(call, out, digest, sizeof digest);
}

static void data_sha256(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    unsigned char digest[EXPR_SHA256_LEN];
    expr_sha256(evt_val_str(&args[0]), digest);
    data_put_hex(call, out, digest, sizeof digest);
}

/* XXH3 of the key bytes of the values, without the sign: mod(hash(x), 10) is never negative. */
static void data_hash(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_buf b = BASE_BUF_INIT;
    for (uint32_t i = 0; i < call->n_args; i++)
        evt_val_write_key(&b, call->arg_types[i], &args[i]);
    expr_put_int(out, (int64_t)(XXH3_64bits(b.p, b.len) >> 1));
    base_buf_release(&b);
}

/* -- JSON -------------------------------------------------------------------------------------------------------------------- */

static enum cep_rc data_prepare_path(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    (void)a;
    (void)n_args;
    (void)state;
    const char *why = args[1] ? expr_json_check_path(evt_val_str(&args[1]->val)) : NULL;
    return why ? base_err_set(err, CEP_EINVAL, "%s", why) : CEP_OK;
}

/* Returns: EXPR_JSON_WRONG after failing the call. */
static enum expr_json_kind data_json_find(
    struct expr_call *call, const struct evt_val *args, struct evt_val *out, struct base_str *raw) {
    const char *why = expr_json_check_path(evt_val_str(&args[1]));
    enum expr_json_kind kind = why ? EXPR_JSON_WRONG
                                   : expr_json_find(
                                         call->scratch, evt_val_str(&args[0]), evt_val_str(&args[1]), raw);
    if (kind == EXPR_JSON_WRONG)
        expr_fail(call, out, why ? why : "text is not JSON");
    return kind;
}

static void data_json_value(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str raw = BASE_STR("");
    bool ok = true;
    switch (data_json_find(call, args, out, &raw)) {
    case EXPR_JSON_WRONG: break;
    case EXPR_JSON_MISSING:
    case EXPR_JSON_NULL:
    case EXPR_JSON_NESTED: *out = EVT_VAL_NULL; break;
    case EXPR_JSON_SCALAR: expr_put_str(out, raw); break;
    case EXPR_JSON_STRING: {
        struct base_str s = expr_json_text(call->scratch, raw, &ok);
        if (ok)
            expr_put_str(out, s);
        else
            expr_fail(call, out, "text is not JSON");
        break;
    }
    }
}

static void data_json_query(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str raw = BASE_STR("");
    enum expr_json_kind kind = data_json_find(call, args, out, &raw);
    if (kind == EXPR_JSON_MISSING)
        *out = EVT_VAL_NULL;
    else if (kind != EXPR_JSON_WRONG)
        expr_put_str(out, raw);
}

static void data_json_exists(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str raw;
    enum expr_json_kind kind = data_json_find(call, args, out, &raw);
    if (kind != EXPR_JSON_WRONG)
        expr_put_bool(out, kind != EXPR_JSON_MISSING);
}

/* -- addresses ----------------------------------------------------------------------------------------------------------------- */

struct data_ip {
    unsigned char b[16];
    unsigned bits; /* 32 or 128 */
};

static bool data_read_ip(struct base_str s, struct data_ip *ip) {
    char z[INET6_ADDRSTRLEN];
    if (s.len == 0 || s.len >= sizeof z || memchr(s.p, '\0', s.len))
        return false;
    memcpy(z, s.p, s.len);
    z[s.len] = '\0';
    ip->bits = memchr(s.p, ':', s.len) ? 128 : 32;
    return inet_pton(ip->bits == 32 ? AF_INET : AF_INET6, z, ip->b) == 1;
}

/* An address with an optional /length. */
static bool data_read_net(struct base_str s, struct data_ip *net, unsigned *len) {
    const char *slash = s.len ? memchr(s.p, '/', s.len) : NULL;
    struct base_str ip = { s.p, slash ? (size_t)(slash - s.p) : s.len };
    if (!data_read_ip(ip, net))
        return false;
    *len = net->bits;
    if (!slash)
        return true;
    size_t i = ip.len + 1;
    unsigned v = 0;
    if (i == s.len || s.len - i > 3)
        return false;
    for (; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s.p[i] - '0');
    }
    *len = v;
    return v <= net->bits;
}

static bool data_ip_within(const struct data_ip *ip, const struct data_ip *net, unsigned len) {
    if (ip->bits != net->bits || memcmp(ip->b, net->b, len / 8) != 0)
        return false;
    unsigned rest = len % 8, mask = rest ? 0xffu << (8 - rest) & 0xffu : 0;
    return rest == 0 || ((ip->b[len / 8] ^ net->b[len / 8]) & mask) == 0;
}

static const char data_no_ip[] = "text is no IP address",
                  data_no_net[] = "text is no network such as 10.0.0.0/8";

static enum cep_rc data_prepare_net(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    (void)a;
    (void)n_args;
    (void)state;
    struct data_ip net;
    unsigned len;
    if (args[1] && !data_read_net(evt_val_str(&args[1]->val), &net, &len))
        return base_err_set(err, CEP_EINVAL, "\"%.*s\" is no network such as 10.0.0.0/8",
            BASE_STR_FMT(evt_val_str(&args[1]->val)));
    return CEP_OK;
}

static void data_ip_in(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct data_ip ip, net;
    unsigned len;
    if (!data_read_ip(evt_val_str(&args[0]), &ip))
        expr_fail(call, out, data_no_ip);
    else if (!data_read_net(evt_val_str(&args[1]), &net, &len))
        expr_fail(call, out, data_no_net);
    else
        expr_put_bool(out, data_ip_within(&ip, &net, len));
}

static void data_is_ip(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    struct data_ip ip;
    expr_put_bool(out, data_read_ip(evt_val_str(&args[0]), &ip));
}

/* RFC 1918, RFC 4193, loopback and link-local. */
static void data_ip_is_private(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    static const struct {
        struct data_ip net;
        unsigned len;
    } nets[] = {
        { { { 10 }, 32 }, 8 },
        { { { 172, 16 }, 32 }, 12 },
        { { { 192, 168 }, 32 }, 16 },
        { { { 127 }, 32 }, 8 },
        { { { 169, 254 }, 32 }, 16 },
        { { { 0xfc }, 128 }, 7 },
        { { { 0xfe, 0x80 }, 128 }, 10 },
        { { { [15] = 1 }, 128 }, 128 },
    };
    struct data_ip ip;
    if (!data_read_ip(evt_val_str(&args[0]), &ip)) {
        expr_fail(call, out, data_no_ip);
        return;
    }
    bool in = false;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        in |= data_ip_within(&ip, &nets[i].net, nets[i].len);
    expr_put_bool(out, in);
}

#define STRING EXPR_SIG_STRING
#define BYTES  EXPR_SIG_BYTES
#define INT    EXPR_SIG_INT
#define ANY    EXPR_SIG_ANY

/* One line a row reads best. */
/* clang-format off */
const struct expr_func expr_funcs_data[] = {
    EXPR_ROW("to_hex", STRING, data_int_to_hex, 1, 1, "to_hex(x): x in hexadecimal digits", INT),
    EXPR_ROW("to_hex", STRING, data_to_hex, 1, 1, "to_hex(x): x in hexadecimal digits", BYTES),
    EXPR_ROW("to_hex", STRING, data_to_hex, 1, 1, "to_hex(x): x in hexadecimal digits", STRING),
    EXPR_ROW_PREPARED("encode", STRING, data_encode, data_prepare_encoding, 2, 2, "encode(x, 'hex' or 'base64'): bytes or text as text", BYTES, STRING),
    EXPR_ROW_PREPARED("encode", STRING, data_encode, data_prepare_encoding, 2, 2, "encode(x, 'hex' or 'base64'): bytes or text as text", STRING, STRING),
    EXPR_ROW_PREPARED("decode", BYTES, data_decode, data_prepare_encoding, 2, 2, "decode(s, 'hex' or 'base64'): the bytes that s says", STRING, STRING),
    EXPR_ROW("md5", STRING, data_md5, 1, 1, "md5(x): the MD5 digest in hex", STRING),
    EXPR_ROW("md5", STRING, data_md5, 1, 1, "md5(x): the MD5 digest in hex", BYTES),
    EXPR_ROW("sha256", STRING, data_sha256, 1, 1, "sha256(x): the SHA-256 digest in hex", STRING),
    EXPR_ROW("sha256", STRING, data_sha256, 1, 1, "sha256(x): the SHA-256 digest in hex", BYTES),
    EXPR_ROW_NULLS("hash", INT, data_hash, 1, EXPR_ANY_NUMBER, "hash(x, ...): a number from 0 to 2^63 - 1 that depends on the values alone", ANY),
    EXPR_ROW_PREPARED("json_value", STRING, data_json_value, data_prepare_path, 2, 2, "json_value(s, path): a string, number or truth value out of JSON, as text", STRING, STRING),
    EXPR_ROW_PREPARED("json_query", STRING, data_json_query, data_prepare_path, 2, 2, "json_query(s, path): a value out of JSON, as it stands", STRING, STRING),
    EXPR_ROW_PREPARED("json_exists", BOOL, data_json_exists, data_prepare_path, 2, 2, "json_exists(s, path): has the JSON such a value?", STRING, STRING),
    EXPR_ROW_PREPARED("ip_in", BOOL, data_ip_in, data_prepare_net, 2, 2, "ip_in(ip, net): is the address in the network?", STRING, STRING),
    EXPR_ROW("ip_is_private", BOOL, data_ip_is_private, 1, 1, "ip_is_private(ip): is it a private, local or link-local address?", STRING),
    EXPR_ROW("is_ip", BOOL, data_is_ip, 1, 1, "is_ip(s): is s an IPv4 or IPv6 address?", STRING),
    EXPR_ROWS_END
};
