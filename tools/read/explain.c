/* Words for people who look for the reason of a failure. */
#include "encoder/event.h"
#include "tools/read/order_priv.h"

#include <inttypes.h>
#include <stdio.h>

const char *gt_g_status_word(uint64_t s)
{
	static const char *const names[] = { "nothing", "runnable", "running", "in a syscall",
					     "waiting" };
	return s < 5 ? names[s] : "?";
}

const char *gt_p_status_word(uint64_t s)
{
	static const char *const names[] = { "nothing", "running", "idle", "in a syscall",
					     "abandoned in a syscall" };
	return s < 5 ? names[s] : "?";
}

static void explain_counter(const struct gt_order *o, uint64_t seq, uint64_t gen, uint64_t carries,
			    char *buf, size_t size)
{
	if (gen != o->gen->number)
		snprintf(buf, size, "has no status in this generation");
	else
		snprintf(buf, size, "stands at %" PRIu64 ", the event carries %" PRIu64, seq,
			 carries);
}

void gt_rules_explain(const struct gt_order *o, const struct gt_cursor *c, char *buf, size_t size)
{
	const struct gt_event_rec *ev = &c->ev;
	char why[72] = "";
	char subject = 'G';
	if (ev->id == GT_EV_ProcStart || ev->id == GT_EV_ProcSteal) {
		subject = 'P';
		const struct gt_pstate *p = gt_order_p(o, ev->args[0]);
		if (!p)
			snprintf(why, sizeof(why), "is unknown");
		else if (p->status == GT_P_RUNNING ||
			 (ev->id == GT_EV_ProcStart && p->status != GT_P_IDLE))
			snprintf(why, sizeof(why), "is %s", gt_p_status_word(p->status));
		else
			explain_counter(o, p->seq, p->seq_gen, ev->args[1], why, sizeof(why));
	} else if (ev->id == GT_EV_GoStart || ev->id == GT_EV_GoUnblock ||
		   ev->id == GT_EV_GoSwitch || ev->id == GT_EV_GoSwitchDestroy) {
		const struct gt_gstate *g = gt_order_g(o, ev->args[0]);
		if (!g)
			snprintf(why, sizeof(why), "is unknown");
		else if (g->status != (ev->id == GT_EV_GoStart ? GT_G_RUNNABLE : GT_G_WAITING))
			snprintf(why, sizeof(why), "is %s", gt_g_status_word(g->status));
		else
			explain_counter(o, g->seq, g->seq_gen, ev->args[1], why, sizeof(why));
	}
	if (why[0])
		snprintf(buf, size, "thread %" PRId64 " %s: %c %" PRId64 " %s", (int64_t)c->m,
			 gt_event_name(ev->id), subject, (int64_t)ev->args[0], why);
	else
		snprintf(buf, size, "thread %" PRId64 " %s", (int64_t)c->m, gt_event_name(ev->id));
}
