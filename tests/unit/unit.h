/* What the small unit tests share: cmocka with its headers, and comparison of texts. */
#ifndef PATRON_TEST_UNIT_H
#define PATRON_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_text(got, want)                                                                     \
    do {                                                                                           \
        struct str got_ = (got);                                                                   \
        if (!str_is(got_, (want)))                                                                 \
            fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(got_), (want));                   \
    } while (0)

#endif
