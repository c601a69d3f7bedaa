/*
 * app -- the engine inside a program: payments go in one by one, alerts come out, in this process and thread.
 *
 *     cc app.c $(pkg-config --cflags --libs cep) -o app && ./app
 */
#include <cep/cep.h>

#include <stdio.h>
#include <string.h>

static const char text[] =
    "parameter large double = 500.0;\n"
    "stream payments (card string, amount double, country string, at timestamp)\n"
    "  from stdin format json event time at watermark delay 5 s;\n"
    "pattern card_testing from payments partition by card\n"
    "  match probe{3,} -> charge\n"
    "  define probe as amount < 2.0, charge as amount > large and country <> last(probe.country)\n"
    "  within 10 min\n"
    "  measures card as card, count(probe) as probes, charge.amount as amount;\n"
    "alert card_tested on card_testing severity high message 'card {card}: {probes} probes, then "
    "{amount}';\n";

static int failed(const char *doing, const struct cep_err *err) {
    fprintf(stderr, "app: %s: %s\n", doing, err->message);
    return 1;
}

static void show(struct cep_engine *engine, int alerts) {
    struct cep_result r;
    while (cep_engine_take(engine, &r) == CEP_OK) {
        const struct cep_schema *s = r.output == alerts ? cep_engine_output_schema(engine, alerts) : NULL;
        for (uint32_t c = 0; s && c < r.n_cells; c++)
            if (strcmp(s->fields[c].name, "message") == 0)
                printf("alert: %.*s\n", (int)r.cells[c].s.len, r.cells[c].s.p);
        if (r.output != alerts)
            printf("late: %s\n", r.json);
    }
}

int main(void) {
    const struct cep_setting settings[] = { { "large", "600" } };
    const struct cep_options options = {
        .size = sizeof options, .name = "app.pattern", .settings = settings, .n_settings = 1
    };
    static const struct {
        const char *card, *country;
        double amount;
        int64_t second;
    } rows[] = { { "c1", "DE", 1.0, 0 }, { "c2", "DE", 1.0, 3 }, { "c1", "DE", 1.5, 10 },
        { "c1", "DE", 0.5, 20 }, { "c1", "BR", 900.0, 30 }, { "c2", "BR", 550.0, 31 },
        { "c3", "DE", 9.0, 1 } };
    struct cep_program *program = NULL;
    struct cep_engine *engine = NULL;
    struct cep_err err = CEP_ERR_INIT;
    int status = 0;

    if (cep_program_new(text, strlen(text), &options, &program, &err) != CEP_OK) {
        fputs(cep_program_messages(program), stderr);
        status = 1;
    } else if (cep_engine_new(program, &engine, &err) != CEP_OK) {
        status = failed("could not begin", &err);
    }
    int alerts = engine ? cep_engine_listen(engine, "card_tested", &err) : -1;
    int late = engine ? cep_engine_listen(engine, "payments.late", &err) : -1;
    if (engine && (alerts < 0 || late < 0))
        status = failed("could not listen", &err);
    int payments = engine ? cep_engine_source(engine, "payments") : -1;
    for (size_t i = 0; status == 0 && i < sizeof rows / sizeof *rows; i++) {
        const struct cep_value cells[] = { cep_string(rows[i].card), cep_double(rows[i].amount),
            cep_string(rows[i].country),
            cep_timestamp(INT64_C(1767261600000000) + rows[i].second * 1000000) };
        if (cep_engine_push(engine, payments, cells, 1, &err) != CEP_OK)
            status = failed("could not push", &err);
        show(engine, alerts);
    }
    if (status == 0 && cep_engine_finish(engine, &err) != CEP_OK)
        status = failed("could not finish", &err);
    if (status == 0) {
        show(engine, alerts);
        printf("%llu late\n", (unsigned long long)cep_engine_count(engine, "payments", "late"));
    }
    cep_engine_free(engine);
    cep_program_free(program);
    return status;
}
