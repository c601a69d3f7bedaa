/*
 * evt_type -- the shared scalar types, types made in arenas, and schemas. Values are in evt_val.c.
 */
#include "event/evt_type.h"

#include "base/base_check.h"

static const struct evt_type evt_types[EVT_KIND_MAX] = {
#define EVT_KIND_TYPE(name, text) [EVT_##name] = { .kind = EVT_##name },
    EVT_KIND_LIST(EVT_KIND_TYPE)
#undef EVT_KIND_TYPE
};

static const char *const evt_kind_names[EVT_KIND_MAX] = {
#define EVT_KIND_NAME(name, text) [EVT_##name] = text,
    EVT_KIND_LIST(EVT_KIND_NAME)
#undef EVT_KIND_NAME
};

const char *evt_kind_name(enum evt_kind kind) {
    CEP_REQUIRE(kind < EVT_KIND_MAX);
    return evt_kind_names[kind];
}

const struct evt_type *evt_type_of(enum evt_kind kind) {
    CEP_REQUIRE(kind < EVT_DECIMAL);
    return &evt_types[kind];
}

const struct evt_type *evt_type_decimal(struct base_arena *a, unsigned precision, unsigned scale) {
    CEP_REQUIRE(precision >= 1 && precision <= 38 && scale <= precision);
    struct evt_type *t = BASE_ARENA_NEW(a, struct evt_type);
    *t = (struct evt_type){ .kind = EVT_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale };
    return t;
}

const struct evt_type *evt_type_array(struct base_arena *a, const struct evt_type *elem) {
    struct evt_type *t = BASE_ARENA_NEW(a, struct evt_type);
    *t = (struct evt_type){ .kind = EVT_ARRAY, .elem = elem };
    return t;
}

const struct evt_type *evt_type_row(struct base_arena *a, uint32_t n, const struct evt_column *fields) {
    struct evt_type *t = BASE_ARENA_NEW(a, struct evt_type);
    *t = (struct evt_type){ .kind = EVT_ROW, .n_fields = n, .fields = fields };
    return t;
}

bool evt_type_eq(const struct evt_type *a, const struct evt_type *b) {
    if (a == b)
        return true;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case EVT_NULL:
    case EVT_BOOL:
    case EVT_INT:
    case EVT_DOUBLE:
    case EVT_STRING:
    case EVT_BYTES:
    case EVT_TIMESTAMP:
    case EVT_DURATION: return true;
    case EVT_DECIMAL: return a->precision == b->precision && a->scale == b->scale;
    case EVT_ARRAY: return evt_type_eq(a->elem, b->elem);
    case EVT_ROW:
        if (a->n_fields != b->n_fields)
            return false;
        for (uint32_t i = 0; i < a->n_fields; i++)
            if (!base_str_eq(a->fields[i].name, b->fields[i].name) ||
                !evt_type_eq(a->fields[i].type, b->fields[i].type))
                return false;
        return true;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
    return false;
}

bool evt_kind_is_numeric(enum evt_kind kind) {
    return kind == EVT_INT || kind == EVT_DOUBLE || kind == EVT_DECIMAL;
}

bool evt_kind_is_ordered(enum evt_kind kind) {
    return kind < EVT_ARRAY;
}

/* A name that the language's scanner takes without quotes. */
static bool type_plain_name(struct base_str s) {
    if (s.len == 0 || (s.p[0] >= '0' && s.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

void evt_name_write(struct base_buf *b, struct base_str name) {
    if (type_plain_name(name)) {
        base_buf_str(b, name);
        return;
    }
    base_buf_putc(b, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '"')
            base_buf_putc(b, '"');
        base_buf_putc(b, name.p[i]);
    }
    base_buf_putc(b, '"');
}

void evt_type_write(struct base_buf *b, const struct evt_type *t) {
    base_buf_puts(b, evt_kind_names[t->kind]);
    if (t->kind == EVT_DECIMAL)
        base_buf_printf(b, "(%u,%u)", t->precision, t->scale);
    if (t->kind == EVT_ARRAY) {
        base_buf_putc(b, '(');
        evt_type_write(b, t->elem);
        base_buf_putc(b, ')');
    }
    if (t->kind == EVT_ROW) {
        base_buf_putc(b, '(');
        for (uint32_t i = 0; i < t->n_fields; i++) {
            if (i > 0)
                base_buf_puts(b, ", ");
            evt_name_write(b, t->fields[i].name);
            base_buf_putc(b, ' ');
            evt_type_write(b, t->fields[i].type);
        }
        base_buf_putc(b, ')');
    }
}

int evt_schema_mark(const struct evt_schema *s) {
    uint32_t last = s->n_visible;
    return last > 0 && base_str_eq(s->cols[last - 1].name, BASE_STR(EVT_MARK_NAME)) ? (int)last - 1 : -1;
}

int evt_schema_find(const struct evt_schema *s, struct base_str name) {
    for (uint32_t i = 0; i < s->n_visible; i++)
        if (base_str_eq(s->cols[i].name, name))
            return (int)i;
    return -1;
}
