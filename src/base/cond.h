/* Waiting with a limit, by the monotonic clock: a wall clock that is set back does not make anybody
   wait for an hour. Every condition that is waited for with a limit begins with cond_init. */
#ifndef PATRON_BASE_COND_H
#define PATRON_BASE_COND_H

#include "base/err.h"

#include <pthread.h>

int cond_init(pthread_cond_t *cond) must_check;
/* Under the lock. False when `us` are over. */
bool cond_wait_us(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t us);

#endif
