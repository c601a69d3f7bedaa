/* clu_link_test -- control connections over real sockets: greetings, refusals, bytes that are no messages, cuts, silence, TLS. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_frame.h"
#include "cluster/clu_link_internal.h"
#include "time/clk.h"

#include <pthread.h>
#include <sys/socket.h>

enum { N_SENT = 2000 };

/* What one end has seen; the loop writes, the test looks. */
struct end {
    struct clu_link *link; /* counted */
    pthread_mutex_t mutex;
    atomic_int up, down, failed, away, back, messages, out_of_turn;
    atomic_uint next;
    char why[600];
    bool refuse;
};

static enum cep_rc on_hello(
    void *arg, struct clu_link *link, const Clu__Hello *hello, Clu__Welcome *welcome, struct cep_err *err) {
    struct end *e = arg;
    (void)link;
    if (e->refuse)
        return base_err_set(
            err, CEP_ESTATE, "no room for worker \"%s\" with %u slots", hello->worker, hello->slots);
    welcome->coordinator = "c1";
    return CEP_OK;
}

static void on_up(void *arg, struct clu_link *link, const Clu__Hello *hello, const Clu__Welcome *welcome) {
    struct end *e = arg;
    if (hello) {
        assert_string_equal(hello->worker, "w1");
        assert_int_equal(hello->slots, 4);
        pthread_mutex_lock(&e->mutex);
        clu_link_unref(e->link);
        e->link = clu_link_ref(link);
        pthread_mutex_unlock(&e->mutex);
    } else {
        assert_string_equal(welcome->coordinator, "c1");
    }
    atomic_fetch_add(&e->up, 1);
}

/* Complete{id}: ids ascend by one. */
static void on_message(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    struct end *e = arg;
    (void)link;
    assert_int_equal(msg->body_case, CLU__MSG__BODY_COMPLETE);
    if (msg->complete->id != atomic_fetch_add(&e->next, 1))
        atomic_fetch_add(&e->out_of_turn, 1);
    atomic_fetch_add(&e->messages, 1);
}

static void on_away(void *arg, struct clu_link *link, const struct cep_err *why) {
    struct end *e = arg;
    (void)link;
    atomic_fetch_add(why ? &e->away : &e->back, 1);
}

static void on_down(void *arg, struct clu_link *link, bool was_up, const struct cep_err *why) {
    struct end *e = arg;
    (void)link;
    pthread_mutex_lock(&e->mutex);
    snprintf(e->why, sizeof e->why, "%s", why->message);
    pthread_mutex_unlock(&e->mutex);
    atomic_fetch_add(was_up ? &e->down : &e->failed, 1);
}

struct fix {
    struct clu_loop *loop;
    struct clu_link_server *server;
    struct end s, c;
    struct clu_link_opts opts;
    char address[64];
    const char *data_address; /* of the worker; NULL: nobody listens there */
};

static const struct clu_link_fns fns = {
    .hello = on_hello, .up = on_up, .message = on_message, .down = on_down, .away = on_away
};

static void listen_at(struct fix *f, const char *address) {
    f->opts.arg = &f->s;
    assert_int_equal(clu_link_listen(f->loop, address, &f->opts, &f->server, NULL), CEP_OK);
    snprintf(f->address, sizeof f->address, "127.0.0.1:%u", clu_link_server_port(f->server));
}

static struct clu_link_client client_of(const struct fix *f) {
    return (struct clu_link_client){ .worker = "w1",
        .data_address = f->data_address ? f->data_address : "127.0.0.1:1",
        .host = "h",
        .slots = 4 };
}

static void dial(struct fix *f, const struct clu_link_opts *opts, const char *address) {
    struct clu_link_opts o = *opts;
    struct clu_link_client client = client_of(f);
    o.arg = &f->c;
    assert_int_equal(clu_link_connect(f->loop, address, &client, &o, &f->c.link, NULL), CEP_OK);
}

static int setup(void **state) {
    struct fix *f = base_calloc(1, sizeof *f);
    pthread_mutex_init(&f->s.mutex, NULL);
    pthread_mutex_init(&f->c.mutex, NULL);
    f->loop = kit_loop();
    f->opts = (struct clu_link_opts){
        .fns = fns, .token = "secret", .heartbeat_interval_us = 20000, .heartbeat_timeout_us = 2000000
    };
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fix *f = *state;
    clu_link_close(f->c.link);
    clu_link_server_close(f->server);
    clu_link_unref(f->s.link);
    clu_loop_stop(f->loop);
    base_free(f);
    return 0;
}

static void say(struct end *e, char *out, size_t size) {
    pthread_mutex_lock(&e->mutex);
    snprintf(out, size, "%s", e->why);
    pthread_mutex_unlock(&e->mutex);
}

static void *send_many(void *arg) {
    struct clu_link *link = arg;
    for (uint32_t i = 0; i < N_SENT; i++) {
        Clu__Complete complete = CLU__COMPLETE__INIT;
        Clu__Msg msg = CLU__MSG__INIT;
        Clu__Part part = CLU__PART__INIT;
        part.job = "j";
        msg.part = &part;
        complete.id = i;
        msg.body_case = CLU__MSG__BODY_COMPLETE;
        msg.complete = &complete;
        assert_true(clu_link_send(link, &msg));
    }
    return NULL;
}

static void messages_of_a_thread_arrive_in_their_order_both_ways(void **state) {
    struct fix *f = *state;
    pthread_t a, b;
    listen_at(f, "127.0.0.1:0");
    dial(f, &f->opts, f->address);
    KIT_WAIT(atomic_load(&f->s.up) == 1 && atomic_load(&f->c.up) == 1);
    assert_int_equal(pthread_create(&a, NULL, send_many, f->c.link), 0);
    assert_int_equal(pthread_create(&b, NULL, send_many, f->s.link), 0);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    KIT_WAIT(atomic_load(&f->s.messages) == N_SENT && atomic_load(&f->c.messages) == N_SENT);
    assert_int_equal(atomic_load(&f->s.out_of_turn) + atomic_load(&f->c.out_of_turn), 0);
    assert_int_equal(atomic_load(&f->s.down) + atomic_load(&f->c.down), 0);
}

static void a_heartbeat_that_comes_back_confirms_when_it_was_sent(void **state) {
    struct fix *f = *state;
    int64_t before = clk_mono(clk_system());
    listen_at(f, "127.0.0.1:0");
    dial(f, &f->opts, f->address);
    KIT_WAIT(clu_link_confirmed_us(f->c.link) > before);
    int64_t first = clu_link_confirmed_us(f->c.link);
    KIT_WAIT(clu_link_confirmed_us(f->c.link) > first);
    assert_true(clu_link_confirmed_us(f->c.link) <= clk_mono(clk_system()));
    assert_int_equal(clu_link_timeout_us(f->c.link), 2000000);
}

/* Tasks may come with the first message: they have to have a lease that began with this connection. */
static void a_welcome_confirms_the_hello(void **state) {
    struct fix *f = *state;
    f->opts.heartbeat_interval_us = 10000000;
    f->opts.heartbeat_timeout_us = 20000000;
    int64_t before = clk_mono(clk_system());
    listen_at(f, "127.0.0.1:0");
    dial(f, &f->opts, f->address);
    KIT_WAIT(atomic_load(&f->c.up) == 1);
    assert_true(clu_link_confirmed_us(f->c.link) >= before);
    assert_true(clu_link_confirmed_us(f->c.link) <= clk_mono(clk_system()));
}

static void a_worker_of_another_token_is_refused_for_good(void **state) {
    struct fix *f = *state;
    char why[600];
    listen_at(f, "127.0.0.1:0");
    struct clu_link_opts o = f->opts;
    o.token = "Secret";
    dial(f, &o, f->address);
    KIT_WAIT(atomic_load(&f->c.failed) == 1 && atomic_load(&f->s.failed) == 1);
    say(&f->c, why, sizeof why);
    assert_non_null(strstr(why, "the worker's token (security.token) is not the coordinator's"));
    usleep(150 * 1000); /* longer than the first retry */
    assert_int_equal(atomic_load(&f->c.failed), 1);
    assert_int_equal(atomic_load(&f->s.up) + atomic_load(&f->c.up), 0);
}

static void builds_that_differ_do_not_meet(void **state) {
    struct fix *f = *state;
    char why[600];
    listen_at(f, "127.0.0.1:0");
    struct clu_link_opts o = f->opts;
    o.build = "0.0.9";
    dial(f, &o, f->address);
    KIT_WAIT(atomic_load(&f->c.failed) == 1);
    say(&f->c, why, sizeof why);
    assert_non_null(
        strstr(why, "the worker is of build \"0.0.9\", the coordinator of \"" PACKAGE_VERSION "\""));
}

static void a_worker_that_may_come_later_asks_again(void **state) {
    struct fix *f = *state;
    char why[600];
    f->s.refuse = true;
    listen_at(f, "127.0.0.1:0");
    dial(f, &f->opts, f->address);
    KIT_WAIT(atomic_load(&f->c.failed) >= 2);
    say(&f->c, why, sizeof why);
    assert_non_null(strstr(why, "no room for worker \"w1\" with 4 slots"));
}

/* Sends bytes as a first frame. Returns: how many bytes came back until the end. */
static size_t send_raw(struct fix *f, const void *p, size_t n, char *answer, size_t size) {
    int fd = kit_connect(clu_link_server_port(f->server));
    assert_true(fd >= 0);
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
    size_t got = kit_read_all(fd, answer, size);
    close(fd);
    return got;
}

static void bytes_that_are_no_greeting_close_the_connection_and_say_why(void **state) {
    struct fix *f = *state;
    struct base_buf b = BASE_BUF_INIT;
    char answer[2000];
    listen_at(f, "127.0.0.1:0");
    dial(f, &f->opts, f->address);
    KIT_WAIT(atomic_load(&f->s.up) == 1);

    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_true(send_raw(f, http, sizeof http - 1, answer, sizeof answer) > 0);
    KIT_WAIT(atomic_load(&f->s.failed) == 1);
    say(&f->s, answer, sizeof answer);
    assert_non_null(strstr(answer, "a frame of 542393671 bytes came, more than the limit of 65536"));

    size_t at = clu_frame_begin(&b); /* no message */
    base_buf_puts(&b, "\xff\xff\xff");
    clu_frame_end(&b, at);
    assert_true(send_raw(f, b.p, b.len, answer, sizeof answer) > 0);
    KIT_WAIT(atomic_load(&f->s.failed) == 2);

    b.p[b.len - 1] ^= 1; /* damaged */
    assert_true(send_raw(f, b.p, b.len, answer, sizeof answer) > 0);
    KIT_WAIT(atomic_load(&f->s.failed) == 3);
    say(&f->s, answer, sizeof answer);
    assert_non_null(strstr(answer, "its checksum is another"));

    Clu__Hello hello = CLU__HELLO__INIT; /* another version */
    Clu__Msg msg = CLU__MSG__INIT;
    hello.magic = CLU_MAGIC;
    hello.protocol = CLU_PROTOCOL + 1;
    msg.body_case = CLU__MSG__BODY_HELLO;
    msg.hello = &hello;
    base_buf_clear(&b);
    at = clu_frame_begin(&b);
    size_t n = clu__msg__get_packed_size(&msg);
    clu__msg__pack(&msg, (uint8_t *)base_buf_reserve(&b, n));
    b.len += n;
    clu_frame_end(&b, at);
    assert_true(send_raw(f, b.p, b.len, answer, sizeof answer) > 0);
    KIT_WAIT(atomic_load(&f->s.failed) == 4);
    say(&f->s, answer, sizeof answer);
    char versions[100];
    snprintf(versions, sizeof versions, "the worker speaks version %d of the protocol, the coordinator %d",
        CLU_PROTOCOL + 1, CLU_PROTOCOL);
    assert_non_null(strstr(answer, versions));

    base_buf_release(&b);
    assert_int_equal(
        atomic_load(&f->s.down) + atomic_load(&f->c.down), 0); /* who was there does not notice */
}

static void a_worker_finds_a_coordinator_that_was_started_again(void **state) {
    struct fix *f = *state;
    char why[600];
    listen_at(f, "127.0.0.1:0");
    dial(f, &f->opts, f->address);
    KIT_WAIT(atomic_load(&f->s.up) == 1);
    clu_link_server_close(f->server);
    f->server = NULL;
    KIT_WAIT(atomic_load(&f->c.down) == 1);
    say(&f->c, why, sizeof why);
    assert_non_null(strstr(why, "has closed the connection: the coordinator stops"));
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Leave leave = CLU__LEAVE__INIT;
    msg.body_case = CLU__MSG__BODY_LEAVE;
    msg.leave = &leave;
    assert_false(clu_link_send(f->c.link, &msg));
    KIT_WAIT(atomic_load(&f->c.failed) >= 1);
    listen_at(f, f->address);
    KIT_WAIT(atomic_load(&f->c.up) == 2);
}

static void a_link_that_is_dropped_comes_again(void **state) {
    struct fix *f = *state;
    char why[600];
    listen_at(f, "127.0.0.1:0");
    dial(f, &f->opts, f->address);
    KIT_WAIT(atomic_load(&f->s.up) == 1);
    clu_link_drop(f->s.link, "worker \"w1\" was given up");
    KIT_WAIT(atomic_load(&f->c.down) == 1);
    say(&f->c, why, sizeof why);
    assert_non_null(strstr(why, "worker \"w1\" was given up"));
    KIT_WAIT(atomic_load(&f->c.up) == 2);
}

static void through_relay(struct fix *f, struct kit_relay *r, int64_t timeout_us) {
    char address[64];
    f->opts.heartbeat_timeout_us = timeout_us;
    listen_at(f, "127.0.0.1:0");
    kit_relay_start(r, clu_link_server_port(f->server));
    snprintf(address, sizeof address, "127.0.0.1:%u", r->port);
    dial(f, &f->opts, address);
    KIT_WAIT(atomic_load(&f->s.up) == 1 && atomic_load(&f->c.up) == 1);
}

static void a_silent_end_is_given_up_by_both(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    char why[600];
    through_relay(f, &r, 300000);
    atomic_store(&r.stopped_up, true);
    atomic_store(&r.stopped_down, true);
    KIT_WAIT(atomic_load(&f->s.down) == 1 && atomic_load(&f->c.down) == 1);
    say(&f->s, why, sizeof why);
    assert_non_null(strstr(why, "for 0.3 s (heartbeat.timeout)"));
    int64_t confirmed = clu_link_confirmed_us(f->c.link);
    assert_true(
        clk_mono(clk_system()) - confirmed >= 250000); /* the lease ran out before anybody else began */
    atomic_store(&r.stopped_up, false);
    atomic_store(&r.stopped_down, false);
    KIT_WAIT(atomic_load(&f->c.up) >= 2);
    KIT_WAIT(clu_link_confirmed_us(f->c.link) > confirmed);
    kit_relay_stop(&r);
}

static void a_cable_cut_one_way_takes_the_lease_away(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    through_relay(f, &r, 300000);
    KIT_WAIT(clu_link_confirmed_us(f->c.link) > 0);
    atomic_store(&r.stopped_up, true); /* the worker still hears the coordinator, and is not heard */
    KIT_WAIT(atomic_load(&f->s.down) == 1);
    assert_true(clk_mono(clk_system()) - clu_link_confirmed_us(f->c.link) >= 250000);
    kit_relay_stop(&r);
}

/* A worker's data address at which somebody listens: its process is there. */
static void alive(struct fix *f, struct clu_link_server **listener, char *address, size_t size) {
    struct clu_link_opts opts = { .heartbeat_interval_us = 0 };
    assert_int_equal(clu_link_listen(f->loop, "127.0.0.1:0", &opts, listener, NULL), CEP_OK);
    snprintf(address, size, "127.0.0.1:%u", clu_link_server_port(*listener));
    f->data_address = address;
}

static void a_connection_that_breaks_is_replaced_and_nothing_is_lost(void **state) {
    struct fix *f = *state;
    struct clu_link_server *listener;
    struct kit_relay r;
    pthread_t a, b;
    char address[64];
    alive(f, &listener, address, sizeof address);
    through_relay(f, &r, 20000000);
    for (int i = 0; i < 4; i++) {
        int there = (i + 1) * N_SENT;
        atomic_store(&f->c.next, 0);
        atomic_store(&f->s.next, 0);
        assert_int_equal(pthread_create(&a, NULL, send_many, f->c.link), 0);
        assert_int_equal(pthread_create(&b, NULL, send_many, f->s.link), 0);
        usleep(1000);
        kit_relay_cut(&r);
        pthread_join(a, NULL);
        pthread_join(b, NULL);
        KIT_WAIT(atomic_load(&f->s.messages) == there && atomic_load(&f->c.messages) == there);
        KIT_WAIT(atomic_load(&f->c.away) == i + 1 && atomic_load(&f->c.back) == i + 1);
        KIT_WAIT(atomic_load(&f->s.back) == i + 1);
    }
    assert_int_equal(atomic_load(&f->s.out_of_turn) + atomic_load(&f->c.out_of_turn), 0);
    assert_int_equal(atomic_load(&f->s.down) + atomic_load(&f->c.down), 0);
    assert_int_equal(atomic_load(&f->s.up) + atomic_load(&f->c.up), 2);
    kit_relay_stop(&r);
    clu_link_server_close(listener);
}

static void a_connection_that_is_not_replaced_in_time_is_the_end(void **state) {
    struct fix *f = *state;
    struct clu_link_server *listener;
    struct kit_relay r;
    char address[64];
    alive(f, &listener, address, sizeof address);
    through_relay(f, &r, 300000);
    kit_relay_stop(&r); /* nobody takes it any more */
    KIT_WAIT(atomic_load(&f->s.down) == 1 && atomic_load(&f->c.down) == 1);
    assert_true(clk_mono(clk_system()) - clu_link_confirmed_us(f->c.link) >= 250000);
    assert_false(clu_link_is_dead(f->s.link));
    clu_link_server_close(listener);
}

static void a_worker_whose_process_has_ended_is_not_waited_for(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    char why[600];
    through_relay(f, &r, 20000000);
    kit_relay_cut(&r);
    KIT_WAIT(atomic_load(&f->s.down) == 1);
    assert_true(clu_link_is_dead(f->s.link));
    say(&f->s, why, sizeof why);
    assert_non_null(strstr(why, "nobody listens at 127.0.0.1:1"));
    kit_relay_stop(&r);
}

static void a_turned_bit_is_noticed_and_mended(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    char why[600];
    through_relay(f, &r, 300000);
    atomic_store(&r.flip_after, 20);
    KIT_WAIT(atomic_load(&f->s.down) == 1);
    say(&f->s, why, sizeof why);
    assert_non_null(strstr(why, "is damaged"));
    KIT_WAIT(atomic_load(&f->c.up) == 2);
    kit_relay_stop(&r);
}

static void with_certificates_only_those_of_our_authority_meet(void **state) {
    struct fix *f = *state;
    struct kit_certs certs;
    struct clu_tls *a, *b, *other;
    struct cep_err err = CEP_ERR_INIT;
    kit_certs_make(&certs);
    assert_int_equal(clu_tls_new(&certs.a, &a, &err), CEP_OK);
    assert_int_equal(clu_tls_new(&certs.b, &b, &err), CEP_OK);
    assert_int_equal(clu_tls_new(&certs.other, &other, &err), CEP_OK);
    f->opts.tls = a;
    listen_at(f, "127.0.0.1:0");

    struct clu_link_opts o = f->opts;
    o.tls = other; /* signed by another */
    dial(f, &o, f->address);
    KIT_WAIT(atomic_load(&f->s.failed) >= 1);
    clu_link_close(f->c.link);
    o.tls = NULL; /* plain */
    int before = atomic_load(&f->s.failed);
    dial(f, &o, f->address);
    KIT_WAIT(atomic_load(&f->s.failed) > before);
    clu_link_close(f->c.link);
    f->c.link = NULL;
    assert_int_equal(atomic_load(&f->s.up), 0);

    o.tls = b;
    dial(f, &o, f->address);
    KIT_WAIT(atomic_load(&f->s.up) == 1 && atomic_load(&f->c.up) == 1);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, send_many, f->c.link), 0);
    pthread_join(t, NULL);
    KIT_WAIT(atomic_load(&f->s.messages) == N_SENT);
    assert_int_equal(atomic_load(&f->s.out_of_turn), 0);
    clu_link_close(f->c.link);
    f->c.link = NULL;
    clu_link_server_close(f->server);
    f->server = NULL;
    clu_loop_stop(f->loop); /* what is being finished still uses the certificates */
    f->loop = NULL;
    clu_tls_free(a);
    clu_tls_free(b);
    clu_tls_free(other);
    kit_certs_remove(&certs);
}

static void certificates_that_cannot_be_used_say_which(void **state) {
    struct kit_certs certs;
    struct clu_tls *tls;
    struct cep_err err = CEP_ERR_INIT;
    (void)state;
    kit_certs_make(&certs);
    struct clu_security s = certs.a;
    s.ca = NULL;
    assert_int_equal(clu_tls_new(&s, &tls, &err), CEP_EINVAL);
    assert_string_equal(err.message, "security.tls.ca is not given");
    s = certs.a;
    s.key = certs.b.key;
    assert_int_equal(clu_tls_new(&s, &tls, &err), CEP_EINVAL);
    assert_non_null(strstr(err.message, "key"));
    s.cert = "/nonexistent.pem";
    assert_int_equal(clu_tls_new(&s, &tls, &err), CEP_EINVAL);
    assert_non_null(
        strstr(err.message, "could not use certificate \"/nonexistent.pem\" (security.tls.cert)"));
    kit_certs_remove(&certs);
}

static void an_open_address_wants_certificates_or_a_word(void **state) {
    struct cep_err err = CEP_ERR_INIT;
    struct clu_security none = { .none = true }, nothing = { .token = "x" };
    (void)state;
    assert_int_equal(clu_security_check(&nothing, "coordinator.address", "127.0.0.1:6123", &err), CEP_OK);
    assert_int_equal(clu_security_check(&nothing, "coordinator.address", "[::1]:6123", &err), CEP_OK);
    assert_int_equal(clu_security_check(&none, "coordinator.address", "0.0.0.0:6123", &err), CEP_OK);
    assert_int_equal(clu_security_check(&nothing, "coordinator.address", "0.0.0.0:6123", &err), CEP_EINVAL);
    assert_non_null(
        strstr(err.message, "coordinator.address 0.0.0.0:6123 can be reached from other machines"));
    assert_true(clu_token_eq("abc", "abc"));
    assert_true(clu_token_eq(NULL, ""));
    assert_false(clu_token_eq("abc", "abd"));
    assert_false(clu_token_eq("abc", NULL));
}

static void names_are_found_and_names_that_are_none_are_told(void **state) {
    struct fix *f = *state;
    char address[64], why[600];
    listen_at(f, "127.0.0.1:0");
    snprintf(address, sizeof address, "localhost:%u", clu_link_server_port(f->server));
    dial(f, &f->opts, address);
    KIT_WAIT(atomic_load(&f->c.up) == 1);
    clu_link_close(f->c.link);
    dial(f, &f->opts, "no-such-host.invalid:1");
    KIT_WAIT(atomic_load(&f->c.failed) >= 1);
    say(&f->c, why, sizeof why);
    assert_non_null(strstr(why, "could not find host \"no-such-host.invalid\" of the coordinator"));
    struct clu_link *l;
    assert_int_equal(
        clu_link_connect(f->loop, "nowhere", &(struct clu_link_client){ .slots = 1 }, &f->opts, &l, NULL),
        CEP_EINVAL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(messages_of_a_thread_arrive_in_their_order_both_ways),
        TEST(a_heartbeat_that_comes_back_confirms_when_it_was_sent),
        TEST(a_welcome_confirms_the_hello),
        TEST(a_worker_of_another_token_is_refused_for_good),
        TEST(builds_that_differ_do_not_meet),
        TEST(a_worker_that_may_come_later_asks_again),
        TEST(bytes_that_are_no_greeting_close_the_connection_and_say_why),
        TEST(a_worker_finds_a_coordinator_that_was_started_again),
        TEST(a_link_that_is_dropped_comes_again),
        TEST(a_silent_end_is_given_up_by_both),
        TEST(a_cable_cut_one_way_takes_the_lease_away),
        TEST(a_connection_that_breaks_is_replaced_and_nothing_is_lost),
        TEST(a_connection_that_is_not_replaced_in_time_is_the_end),
        TEST(a_worker_whose_process_has_ended_is_not_waited_for),
        TEST(a_turned_bit_is_noticed_and_mended),
        TEST(with_certificates_only_those_of_our_authority_meet),
        TEST(names_are_found_and_names_that_are_none_are_told),
        cmocka_unit_test(certificates_that_cannot_be_used_say_which),
        cmocka_unit_test(an_open_address_wants_certificates_or_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
