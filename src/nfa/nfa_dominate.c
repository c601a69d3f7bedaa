/*
 * nfa_dominate -- partial matches that another one of the same start always beats.
 */
#include "nfa/nfa_int.h"

enum cep_rc nfa_dominate(struct nfa_prog *p, struct cep_err *err) {
    (void)p;
    (void)err;
    return CEP_OK;
}
