/* clu_kit -- see clu_kit.h. */
#include "tests/cluster/clu_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

struct clu_loop *kit_loop(void) {
    struct clu_loop *loop = NULL;
    assert_int_equal(clu_loop_start(&loop, NULL), CEP_OK);
    return loop;
}

/* -- certificates ------------------------------------------------------------------------------------------------------- */

static X509 *make_cert(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, long serial) {
    X509 *x = X509_new();
    assert_non_null(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    if (!issuer) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        assert_non_null(ext);
        X509_add_ext(x, ext, -1);
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(x, issuer ? issuer_key : key, EVP_sha256()) > 0);
    return x;
}

static void write_pem(const char *path, X509 *x, EVP_PKEY *key) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(x ? PEM_write_X509(f, x) : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(f), 0);
}

void kit_certs_make(struct kit_certs *c) {
    static const char *const names[] = { "ca.pem", "a.pem", "a.key", "b.pem", "b.key", "other.pem",
        "other.key" };
    char dir[sizeof c->dir];
    snprintf(dir, sizeof dir, "%s/clu_certs_XXXXXX",
        getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 40 ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(dir));
    memcpy(c->dir, dir, sizeof dir);
    for (int i = 0; i < 7; i++)
        snprintf(c->paths[i], sizeof c->paths[i], "%s/%s", dir, names[i]);
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *rogue_key = EVP_EC_gen("P-256");
    X509 *ca = make_cert(ca_key, "ca", NULL, NULL, 1), *rogue = make_cert(rogue_key, "rogue", NULL, NULL, 1);
    write_pem(c->paths[0], ca, NULL);
    for (int i = 0; i < 3; i++) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *x = make_cert(key, names[1 + 2 * i], i == 2 ? rogue : ca, i == 2 ? rogue_key : ca_key, 2 + i);
        write_pem(c->paths[1 + 2 * i], x, NULL);
        write_pem(c->paths[2 + 2 * i], NULL, key);
        X509_free(x);
        EVP_PKEY_free(key);
    }
    X509_free(ca);
    X509_free(rogue);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(rogue_key);
    c->a = (struct clu_security){ .cert = c->paths[1], .key = c->paths[2], .ca = c->paths[0] };
    c->b = (struct clu_security){ .cert = c->paths[3], .key = c->paths[4], .ca = c->paths[0] };
    c->other = (struct clu_security){ .cert = c->paths[5], .key = c->paths[6], .ca = c->paths[0] };
}

void kit_certs_remove(struct kit_certs *c) {
    for (int i = 0; i < 7; i++)
        unlink(c->paths[i]);
    rmdir(c->dir);
}

/* -- the relay ----------------------------------------------------------------------------------------------------------- */

enum { MAX_PAIRS = 16, CHUNK = 64 << 10 };

struct pair {
    int fds[2];         /* who connected; where to */
    char *waiting[2];   /* from fds[i] */
    size_t n[2], at[2]; /* bytes in waiting; of these passed on */
};
struct relay_impl {
    struct kit_relay *r;
    int listen_fd;
    pthread_t thread;
    atomic_bool stop, cut;
    struct pair pairs[MAX_PAIRS];
    int n_pairs;
};

int kit_connect(uint16_t port) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timeval limit = { .tv_sec = 20 };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

size_t kit_read_all(int fd, char *out, size_t size) {
    size_t n = 0;
    ssize_t got;
    while (n < size && (got = recv(fd, out + n, size - n, 0)) > 0)
        n += (size_t)got;
    return n;
}

static void drop_pair(struct relay_impl *im, int i) {
    for (int k = 0; k < 2; k++) {
        close(im->pairs[i].fds[k]);
        free(im->pairs[i].waiting[k]);
    }
    im->pairs[i] = im->pairs[--im->n_pairs];
}

/* Returns: false when the pair is to be dropped. */
static bool pass(struct relay_impl *im, struct pair *p, int k, size_t most) {
    bool up = k == 0;
    if (atomic_load(up ? &im->r->stopped_up : &im->r->stopped_down))
        return true;
    if (p->at[k] == p->n[k]) {
        ssize_t got = recv(p->fds[k], p->waiting[k], most < CHUNK ? most : CHUNK, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        p->at[k] = 0;
        p->n[k] = got > 0 ? (size_t)got : 0;
        int flip = atomic_load(&im->r->flip_after);
        if (up && flip >= 0 && got > 0) {
            if (flip < got)
                p->waiting[k][flip] ^= 0x10;
            atomic_store(&im->r->flip_after, flip < got ? -1 : flip - (int)got);
        }
    }
    if (p->at[k] < p->n[k]) {
        ssize_t put = send(
            p->fds[1 - k], p->waiting[k] + p->at[k], p->n[k] - p->at[k], MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        p->at[k] += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static void *relay(void *arg) {
    struct relay_impl *im = arg;
    while (!atomic_load(&im->stop)) {
        struct pollfd fds[2 * MAX_PAIRS + 1] = { { .fd = im->listen_fd, .events = POLLIN } };
        nfds_t n = 1;
        int limit = atomic_load(&im->r->bytes_per_ms);
        for (int i = 0; i < im->n_pairs; i++)
            for (int k = 0; k < 2; k++) {
                struct pair *p = &im->pairs[i];
                bool stopped = atomic_load(k == 0 ? &im->r->stopped_up : &im->r->stopped_down);
                bool full = p->at[k] < p->n[k];
                fds[n++] = (struct pollfd){ .fd = stopped ? -1 : p->fds[full ? 1 - k : k],
                    .events = full ? POLLOUT : POLLIN };
            }
        if (limit > 0)
            usleep(1000);
        poll(fds, n, 5);
        if (atomic_exchange(&im->cut, false))
            while (im->n_pairs > 0)
                drop_pair(im, 0);
        for (int i = im->n_pairs - 1; i >= 0; i--)
            for (int k = 0; k < 2; k++)
                if (!pass(im, &im->pairs[i], k, limit > 0 ? (size_t)limit : CHUNK)) {
                    drop_pair(im, i);
                    break;
                }
        int fd = fds[0].revents ? accept4(im->listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        int to = fd >= 0 && im->n_pairs < MAX_PAIRS ? kit_connect(im->r->to) : -1;
        if (to >= 0) {
            im->pairs[im->n_pairs++] = (struct pair){ .fds = { fd, to },
                .waiting = { malloc(CHUNK), malloc(CHUNK) } };
            atomic_fetch_add(&im->r->connections, 1);
        } else if (fd >= 0) {
            close(fd);
        }
    }
    while (im->n_pairs > 0)
        drop_pair(im, 0);
    return NULL;
}

void kit_relay_start(struct kit_relay *r, uint16_t to) {
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    struct relay_impl *im = calloc(1, sizeof *im);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    im->r = r;
    im->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(im->listen_fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(im->listen_fd, 16), 0);
    assert_int_equal(getsockname(im->listen_fd, (struct sockaddr *)&at, &len), 0);
    *r = (struct kit_relay){ .port = ntohs(at.sin_port), .to = to, .impl = im };
    atomic_init(&r->flip_after, -1);
    assert_int_equal(pthread_create(&im->thread, NULL, relay, im), 0);
}

void kit_relay_cut(struct kit_relay *r) {
    atomic_store(&((struct relay_impl *)r->impl)->cut, true);
}

void kit_relay_stop(struct kit_relay *r) {
    struct relay_impl *im = r->impl;
    atomic_store(&im->stop, true);
    pthread_join(im->thread, NULL);
    close(im->listen_fd);
    free(im);
}
