#pragma once
/*
 * sto_work -- a folder that a job works in while it runs: databases, files on their way into a checkpoint.
 *
 *     DIR/ LOCK        held while it is open; it tells a folder of ours from one that somebody else made
 *          ...         the job's; nothing in it is needed once the job has ended
 *
 * What a killed process left is thrown away by the next that opens the folder. A folder that holds something and has no LOCK is not ours,
 * whatever its name, and is left alone.
 *
 * Threads: a sto_work belongs to one thread at a time.
 */
#include "base/base_err.h"

struct sto_work;

/*
 * Makes the folder with its parents, or empties one that is ours.
 * Returns: CEP_ESTATE when another process works in it, or when it is not ours; CEP_EIO.
 */
enum cep_rc sto_work_open(const char *dir, struct sto_work **out, struct cep_err *err);
const char *sto_work_path(const struct sto_work *w);
/* Removes the folder with all it holds; what cannot be removed is left to the next. NULL is fine. */
void sto_work_close(struct sto_work *w);
