/*
 * fuzz_main -- stands in for libFuzzer: runs a fuzz target over the files and folders named on the command line.
 * So a corpus is replayed by make check with any compiler, under whatever sanitizer the build has.
 */
#include "fuzz/fuzz_main.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t len = 0, cap = 0;
    for (;;) {
        if (len == cap) {
            cap = cap ? 2 * cap : 65536;
            uint8_t *grown = realloc(data, cap);
            if (!grown)
                abort();
            data = grown;
        }
        size_t n = fread(data + len, 1, cap - len, f);
        if (n == 0)
            break;
        len += n;
    }
    fclose(f);
    /* Exactly as long as the input, so that the address sanitizer sees a read past its end. */
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact)
        abort();
    memcpy(exact, data, len);
    free(data);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 0;
}

static int run_path(const char *path, size_t *n_run) {
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) {
        ++*n_run;
        return run_file(path);
    }
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        perror(path);
        return 1;
    }
    int bad = 0;
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            size_t size = strlen(path) + strlen(entries[i]->d_name) + 2;
            char *inner = malloc(size);
            if (!inner)
                abort();
            snprintf(inner, size, "%s/%s", path, entries[i]->d_name);
            bad |= run_path(inner, n_run);
            free(inner);
        }
        free(entries[i]);
    }
    free(entries);
    return bad;
}

/* fuzz/dsl_fuzz without arguments is the test that replays $CEP_SRCDIR/fuzz/dsl.in. */
static int run_own_corpus(const char *program, size_t *n_run) {
    const char *name = strrchr(program, '/');
    name = name ? name + 1 : program;
    size_t len = strlen(name);
    const char *root = getenv("CEP_SRCDIR"), *suffix = "_fuzz";
    if (len <= strlen(suffix) || strcmp(name + len - strlen(suffix), suffix) != 0) {
        fprintf(stderr, "usage: %s FILE|FOLDER...\n", program);
        return 1;
    }
    char path[4096];
    int n = snprintf(
        path, sizeof path, "%s/fuzz/%.*s.in", root ? root : ".", (int)(len - strlen(suffix)), name);
    if (n < 0 || (size_t)n >= sizeof path) {
        fprintf(stderr, "path too long\n");
        return 1;
    }
    return run_path(path, n_run);
}

int main(int argc, char **argv) {
    size_t n_run = 0;
    int bad = argc < 2 ? run_own_corpus(argv[0], &n_run) : 0;
    for (int i = 1; i < argc; i++)
        bad |= run_path(argv[i], &n_run);
    printf("%zu inputs\n", n_run);
    return bad || n_run == 0;
}
