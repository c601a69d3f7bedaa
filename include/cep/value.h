#pragma once
/*
 * cep/value.h -- types and values, as compiled operators (cep/operator.h) and embedding programs (cep/cep.h) see them.
 *
 * A value says its kind, so that the engine can refuse one that does not fit its column. What it points to is borrowed: the header that
 * hands a value out says for how long, and what is handed to the engine is copied.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- types and values ------------------------------------------------------------------------------------------------- */

/* Numbers are never reused. */
enum cep_kind {
    CEP_NULL = 0, /* no column has it */
    CEP_BOOL = 1,
    CEP_INT = 2,
    CEP_DOUBLE = 3,
    CEP_STRING = 4,
    CEP_BYTES = 5,
    CEP_TIMESTAMP = 6, /* microseconds since the epoch, UTC */
    CEP_DURATION = 7,  /* microseconds */
    CEP_DECIMAL = 8,   /* 128-bit count of 10^-scale */
    CEP_ARRAY = 9,
    CEP_ROW = 10
};

struct cep_field;

struct cep_type {
    enum cep_kind kind;
    uint8_t precision, scale;       /* DECIMAL */
    const struct cep_type *elem;    /* ARRAY */
    uint32_t n_fields;              /* ROW */
    const struct cep_field *fields; /* ROW */
};

struct cep_field {
    const char *name;
    const struct cep_type *type;
    bool not_null;
};

struct cep_schema {
    uint32_t n_fields;
    const struct cep_field *fields;
};

static const struct cep_type cep_type_bool __attribute__((unused)) = { CEP_BOOL, 0, 0, NULL, 0, NULL };
static const struct cep_type cep_type_int __attribute__((unused)) = { CEP_INT, 0, 0, NULL, 0, NULL };
static const struct cep_type cep_type_double __attribute__((unused)) = { CEP_DOUBLE, 0, 0, NULL, 0, NULL };
static const struct cep_type cep_type_string __attribute__((unused)) = { CEP_STRING, 0, 0, NULL, 0, NULL };
static const struct cep_type cep_type_bytes __attribute__((unused)) = { CEP_BYTES, 0, 0, NULL, 0, NULL };
static const struct cep_type cep_type_timestamp
    __attribute__((unused)) = { CEP_TIMESTAMP, 0, 0, NULL, 0, NULL };
static const struct cep_type cep_type_duration
    __attribute__((unused)) = { CEP_DURATION, 0, 0, NULL, 0, NULL };

/* `kind` is told by the makers below and checked by the engine where a value goes into a column or a state. */
struct cep_value {
    bool null;
    uint8_t kind;
    union {
        bool b;
        int64_t i; /* INT, TIMESTAMP, DURATION */
        double d;
        struct {
            const char *p;
            uint32_t len;
        } s; /* STRING, BYTES */
        struct {
            uint64_t lo;
            int64_t hi;
        } dec;
        struct {
            const struct cep_value *v;
            uint32_t n;
        } list; /* ARRAY: elements; ROW: fields */
    };
};

static inline struct cep_value cep_make(enum cep_kind kind) {
    struct cep_value v;
    memset(&v, 0, sizeof v);
    v.null = kind == CEP_NULL;
    v.kind = (uint8_t)kind;
    return v;
}
static inline struct cep_value cep_null(void) {
    return cep_make(CEP_NULL);
}
static inline struct cep_value cep_bool(bool b) {
    struct cep_value v = cep_make(CEP_BOOL);
    v.b = b;
    return v;
}
static inline struct cep_value cep_int(int64_t i) {
    struct cep_value v = cep_make(CEP_INT);
    v.i = i;
    return v;
}
static inline struct cep_value cep_double(double d) {
    struct cep_value v = cep_make(CEP_DOUBLE);
    v.d = d;
    return v;
}
static inline struct cep_value cep_string_n(const char *p, size_t len) {
    struct cep_value v = cep_make(CEP_STRING);
    v.s.p = p;
    v.s.len = (uint32_t)len;
    return v;
}
static inline struct cep_value cep_string(const char *s) {
    return cep_string_n(s, strlen(s));
}
static inline struct cep_value cep_bytes(const void *p, size_t len) {
    struct cep_value v = cep_string_n((const char *)p, len);
    v.kind = CEP_BYTES;
    return v;
}
static inline struct cep_value cep_timestamp(int64_t us) {
    struct cep_value v = cep_int(us);
    v.kind = CEP_TIMESTAMP;
    return v;
}
static inline struct cep_value cep_duration(int64_t us) {
    struct cep_value v = cep_int(us);
    v.kind = CEP_DURATION;
    return v;
}
/* Of elements (CEP_ARRAY) or fields (CEP_ROW); they are borrowed. */
static inline struct cep_value cep_list(enum cep_kind kind, const struct cep_value *v, size_t n) {
    struct cep_value l = cep_make(kind);
    l.list.v = v;
    l.list.n = (uint32_t)n;
    return l;
}

#ifdef __cplusplus
}
#endif
