/* Timers set, moved, cleared and taken as the input says, held against a list that is searched. */
#include "fuzz.h"

#include "io/timer.h"

enum { TIMERS = 64 };

struct model {
    struct timers timers;
    struct timer all[TIMERS];
    uint64_t set_at[TIMERS]; /* when it was set, counted; 0: it is not set */
    uint64_t n_set;
};

/* Which of them is the soonest; -1: none is set. */
static int soonest(const struct model *model)
{
    int found = -1;
    for (int i = 0; i < TIMERS; i++) {
        if (model->set_at[i] == 0)
            continue;
        bool is_sooner =
            found < 0 || model->all[i].at < model->all[found].at ||
            (model->all[i].at == model->all[found].at && model->set_at[i] < model->set_at[found]);
        found = is_sooner ? i : found;
    }
    return found;
}

static void check(struct model *model)
{
    int expected = soonest(model);
    const struct timer *first = timers_first(&model->timers);
    FUZZ_CHECK(first == (expected < 0 ? NULL : &model->all[expected]), "expected %d to be first",
               expected);
    for (int i = 0; i < TIMERS; i++)
        FUZZ_CHECK(timer_is_set(&model->all[i]) == (model->set_at[i] != 0), "timer %d", i);
}

static void clear(struct model *model, int i)
{
    timers_clear(&model->all[i]);
    model->set_at[i] = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = fuzz_begin(data, size);
    struct model model = {.n_set = 0};
    while (in.at < in.end) {
        unsigned what = fuzz_byte(&in);
        int i = (int)(what % TIMERS);
        if (what < 2 * TIMERS) {
            timers_set(&model.timers, &model.all[i], fuzz_byte(&in));
            model.set_at[i] = ++model.n_set;
        } else if (what < 3 * TIMERS) {
            clear(&model, i);
        } else if (timers_first(&model.timers)) {
            clear(&model, (int)(timers_first(&model.timers) - model.all));
        }
        check(&model);
    }
    while (timers_first(&model.timers)) {
        clear(&model, (int)(timers_first(&model.timers) - model.all));
        check(&model);
    }
    return 0;
}
