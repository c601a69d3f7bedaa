/*
 * clu_prom -- see clu_prom.h.
 */
#include "cluster/clu_prom.h"

#include "base/base_mem.h"

void clu_prom_init(struct clu_prom *p) {
    *p = (struct clu_prom){ .families = NULL };
    base_map_init(&p->by_name);
}

void clu_prom_release(struct clu_prom *p) {
    for (size_t i = 0; i < p->n; i++) {
        base_buf_release(&p->families[i].head);
        base_buf_release(&p->families[i].values);
    }
    base_free(p->families);
    base_map_release(&p->by_name);
}

static struct clu_prom_family *family(struct clu_prom *p, struct base_str name) {
    uint64_t i;
    if (base_map_get(&p->by_name, name, &i))
        return &p->families[i];
    (void)base_map_put(&p->by_name, name, p->n);
    p->families = base_grow(p->families, p->n, &p->cap, sizeof *p->families);
    p->families[p->n] = (struct clu_prom_family){ .head = BASE_BUF_INIT, .values = BASE_BUF_INIT };
    return &p->families[p->n++];
}

static struct base_str until(struct base_str s, const char *ends) {
    size_t n = 0;
    while (n < s.len && !strchr(ends, s.p[n]))
        n++;
    return (struct base_str){ s.p, n };
}

/* name{labels} value, or name value; one that says itself which job it is of stays as it is */
static void add_value(struct clu_prom_family *f, struct base_str line, const char *job) {
    struct base_str name = until(line, "{ ");
    static const struct base_str has = { "{job=", 5 };
    bool labels = name.len < line.len && line.p[name.len] == '{';
    if (line.len > name.len + has.len && memcmp(line.p + name.len, has.p, has.len) == 0) {
        base_buf_str(&f->values, line);
        base_buf_putc(&f->values, '\n');
        return;
    }
    base_buf_printf(&f->values, "%.*s{job=\"%s\"", BASE_STR_FMT(name), job);
    base_buf_puts(&f->values, labels ? "," : "}");
    base_buf_add(&f->values, line.p + name.len + labels, line.len - name.len - labels);
    base_buf_putc(&f->values, '\n');
}

void clu_prom_add(struct clu_prom *p, struct base_str text, const char *job) {
    static const struct base_str comment = { "# HELP ", 7 };
    struct clu_prom_family *f = NULL;
    bool is_new = false;
    while (text.len > 0) {
        struct base_str line = until(text, "\n");
        text.p += line.len + (line.len < text.len);
        text.len -= line.len + (line.len < text.len);
        if (line.len > comment.len && memcmp(line.p, comment.p, comment.len) == 0) {
            f = family(p, until((struct base_str){ line.p + comment.len, line.len - comment.len }, " "));
            is_new = f->head.len == 0;
        }
        if (!f)
            continue;
        if (line.len == 0 || line.p[0] != '#') {
            add_value(f, line, job);
        } else if (is_new) {
            base_buf_str(&f->head, line);
            base_buf_putc(&f->head, '\n');
        }
    }
}

void clu_prom_write(const struct clu_prom *p, struct base_buf *b) {
    for (size_t i = 0; i < p->n; i++) {
        base_buf_str(b, base_buf_view(&p->families[i].head));
        base_buf_str(b, base_buf_view(&p->families[i].values));
    }
}
