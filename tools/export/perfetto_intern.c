/*
 * What Perfetto wants told once: names, functions, frames, stacks, modules. One sequence of
 * packets; an iid is the number of the model + 1, or the number itself where 0 is "none".
 */
#include "tools/export/perfetto.h"

#include "tools/export/schema/perfetto.pb-c.h"
#include "tools/lib/mem.h"

#include <stdlib.h>
#include <string.h>

#define SEQUENCE 1
enum { STATE_CLEARED = 1, NEEDS_STATE = 2 }; /* sequence_flags */

bool gt_perfetto_told(struct gt_told *t, size_t i)
{
	if (i >= t->cap) {
		const size_t cap = 2 * i + 64;
		t->is = gt_mem_resize(t->is, cap, 1);
		memset(t->is + t->cap, 0, cap - t->cap);
		t->cap = cap;
	}
	const bool is_told = t->is[i];
	t->is[i] = true;
	return is_told;
}

static void put_bytes(FILE *out, const uint8_t *bytes, size_t len)
{
	/* Trace.packet: field 1, by length */
	uint8_t head[11] = { 1 << 3 | 2 };
	size_t n = 1;
	for (size_t rest = len; n == 1 || rest > 0; rest >>= 7)
		head[n++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
	fwrite(head, 1, n, out);
	fwrite(bytes, 1, len, out);
}

void gt_perfetto_put(struct gt_perfetto *p, Perfetto__TracePacket *packet)
{
	packet->has_trusted_packet_sequence_id = true;
	packet->trusted_packet_sequence_id = SEQUENCE;
	packet->has_sequence_flags = true;
	packet->sequence_flags = p->has_begun ? NEEDS_STATE : STATE_CLEARED;
	p->has_begun = true;
	uint8_t small[4096], *bytes = small;
	const size_t len = perfetto__trace_packet__get_packed_size(packet);
	if (len > sizeof(small))
		bytes = gt_mem_resize(NULL, len, 1);
	perfetto__trace_packet__pack(packet, bytes);
	put_bytes(p->out, bytes, len);
	if (bytes != small)
		free(bytes);
}

static void put_interned(struct gt_perfetto *p, Perfetto__InternedData *data)
{
	Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
	packet.interned_data = data;
	gt_perfetto_put(p, &packet);
}

/* Tells a text of the model; its iid. */
static uint64_t put_text(struct gt_perfetto *p, enum gt_intern kind, gt_text_id id)
{
	if (gt_perfetto_told(&p->texts[kind], id))
		return id + 1;
	Perfetto__InternedData data = PERFETTO__INTERNED_DATA__INIT;
	Perfetto__InternedString s = PERFETTO__INTERNED_STRING__INIT, *list = &s;
	const char *text = gt_model_text(p->model, id);
	s.has_iid = s.has_str = true;
	s.iid = id + 1;
	s.str = (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
	switch (kind) {
	case GT_INTERN_NAME:
		data.n_event_names = 1;
		data.event_names = &list;
		break;
	case GT_INTERN_FUNCTION:
		data.n_function_names = 1;
		data.function_names = &list;
		break;
	case GT_INTERN_SOURCE:
		data.n_source_paths = 1;
		data.source_paths = &list;
		break;
	case GT_INTERN_PATH:
		/* paths and build ids, under the same number */
		data.n_mapping_paths = data.n_build_ids = 1;
		data.mapping_paths = data.build_ids = &list;
		break;
	}
	put_interned(p, &data);
	return s.iid;
}

uint64_t gt_perfetto_name(struct gt_perfetto *p, const char *name)
{
	return put_text(p, GT_INTERN_NAME, gt_model_put_text(p->model, name, strlen(name)));
}

/* Mapping 1 is "not known". */
static uint64_t put_module(struct gt_perfetto *p, uint32_t module)
{
	const uint64_t iid = module == UINT32_MAX ? 1 : (uint64_t)module + 2;
	if (gt_perfetto_told(&p->modules, iid))
		return iid;
	Perfetto__InternedData data = PERFETTO__INTERNED_DATA__INIT;
	Perfetto__Mapping m = PERFETTO__MAPPING__INIT, *list = &m;
	uint64_t path = put_text(p, GT_INTERN_PATH, gt_model_put_text(p->model, "[unknown]", 9));
	m.has_iid = true;
	m.iid = iid;
	m.has_start = m.has_end = true;
	m.end = UINT64_MAX >> 1;
	if (module != UINT32_MAX) {
		const struct gt_model_module *d = gt_model_module(p->model, module);
		path = put_text(p, GT_INTERN_PATH, d->path);
		m.has_build_id = m.has_exact_offset = true;
		m.build_id = put_text(p, GT_INTERN_PATH, d->build_id);
		m.start = d->start;
		m.end = d->end;
		m.exact_offset = d->offset;
	}
	m.n_path_string_ids = 1;
	m.path_string_ids = &path;
	data.n_mappings = 1;
	data.mappings = &list;
	put_interned(p, &data);
	return iid;
}

/* A frame's iid is its number: 0 is none in both. */
static uint64_t put_frame(struct gt_perfetto *p, uint32_t frame)
{
	if (gt_perfetto_told(&p->frames, frame))
		return frame;
	const struct gt_model_frame *x = gt_model_frame(p->model, frame);
	const uint32_t module = gt_model_find_module(p->model, x->pc);
	Perfetto__InternedData data = PERFETTO__INTERNED_DATA__INIT;
	Perfetto__Frame f = PERFETTO__FRAME__INIT, *list = &f;
	f.has_iid = f.has_function_name_id = f.has_mapping_id = f.has_rel_pc = true;
	f.iid = frame;
	f.function_name_id = put_text(p, GT_INTERN_FUNCTION, x->func);
	f.mapping_id = put_module(p, module);
	f.rel_pc = x->pc;
	if (module != UINT32_MAX) {
		const struct gt_model_module *d = gt_model_module(p->model, module);
		f.rel_pc = x->pc - d->start + d->offset;
	}
	if (x->file != 0) {
		f.has_source_path_iid = true;
		f.source_path_iid = put_text(p, GT_INTERN_SOURCE, x->file);
	}
	f.has_line_number = x->line != 0;
	f.line_number = (uint32_t)x->line;
	data.n_frames = 1;
	data.frames = &list;
	put_interned(p, &data);
	return frame;
}

uint64_t gt_perfetto_stack(struct gt_perfetto *p, gt_stack_id id)
{
	if (id == 0 || gt_perfetto_told(&p->stacks, id))
		return id;
	uint32_t n;
	const uint32_t *frames = gt_model_stack(p->model, id, &n);
	uint64_t *ids = gt_mem_resize(NULL, n, sizeof(*ids));
	/* N.B. the outermost comes first */
	for (uint32_t i = 0; i < n; i++)
		ids[i] = put_frame(p, frames[n - 1 - i]);
	Perfetto__InternedData data = PERFETTO__INTERNED_DATA__INIT;
	Perfetto__Callstack c = PERFETTO__CALLSTACK__INIT, *list = &c;
	c.has_iid = true;
	c.iid = id;
	c.n_frame_ids = n;
	c.frame_ids = ids;
	data.n_callstacks = 1;
	data.callstacks = &list;
	put_interned(p, &data);
	free(ids);
	return id;
}

void gt_perfetto_free(struct gt_perfetto *p)
{
	free(p->frames.is);
	free(p->stacks.is);
	for (size_t i = 0; i < sizeof(p->texts) / sizeof(p->texts[0]); i++)
		free(p->texts[i].is);
	free(p->threads.is);
	free(p->modules.is);
	free(p->cpus);
	free(p->cpu_of);
	free(p->runs);
	free(p->switches);
	free(p->thread_of);
	gt_keymap_free(&p->tids);
}
