/* Live events: one ring that everyone who is looking reads from. An event is published after its
   commit and is a hint ("this record changed, look again"), never the only copy of anything.
   Any thread. */
#ifndef PATRON_CORE_LIVE_H
#define PATRON_CORE_LIVE_H

#include "base/buf.h"

struct live;

struct live *live_new(void);
void live_free(struct live *l);

/* `kind` is the event's name ("record", "job", "value"), `data` one line of JSON, at most 4 kB.
   `entity` >= 0 lets readers leave out what they may not see; `owner`/`department` as in the
   record, 0 if none. `bare` is told instead of `data` to whoever may not know all of it. */
struct live_event {
    uint64_t seq;
    const char *kind;
    int entity;
    int64_t owner_id, department_id;
    bool personal; /* the owner's alone, administrators included */
    struct str data, bare;
};
enum live_sight { LIVE_NOTHING, LIVE_BARE, LIVE_WHOLE };
void live_publish(struct live *l, const struct live_event *ev);

/* Called after every publish, from the publisher's thread, to wake sleeping streams. */
void live_on_publish(struct live *l, void (*fn)(void *), void *arg);

uint64_t live_last(const struct live *l);
/* Appends to `out` in the text/event-stream form what came after *cursor and passes `sees`, and
   moves the cursor. NULL sees all. False when the cursor fell out of the ring: a "reset" event was
   written. */
bool live_read(struct live *l, uint64_t *cursor,
               enum live_sight (*sees)(const void *arg, const struct live_event *ev),
               const void *arg, struct buf *out);

#endif
