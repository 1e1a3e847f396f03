/*
 * Assembler for golden traces: text -> bytes. `gtrace dump --wire` writes the same language.
 *
 *   asm FILE > OUT      FILE '-' is standard input
 *
 * One item a line; `#` begins a comment; a place like 0x0012 in front of an item is skipped; a
 * number may carry its name, `dt=5`; `-` is 2^64-1.
 *
 *   expect: ...                              for run.sh
 *   header go 1.26                           16 bytes, or any text up to 16
 *   batch gen=1 m=7 time=100 [exp=1] [size=9] [pad]   begins a batch; size and pad (header numbers
 * padded) as asked GoBlock 5 1 2                            an event by its name: dt and arguments
 *   Sync | Strings | Stacks | CPUSamples     first byte of a table
 *   Frequency 1000000000 | ClockSnapshot 0 1 2 3 | CPUSample 5 7 - 1 0
 *   String 1 "sync"      Stack 1 0x10:1:2:3 ...   (pc:func:file:line)
 *   Records [1]                              'g' and the version;  then
 *   record THREAD dt field ...               one of gtrace's own, more numbers are its tail
 *   raw 0a ff         bytes of the batch     out 0a ff     bytes between batches
 *   fill 10 0a ff     these bytes ten times, in the batch
 *   end                                      the end-of-generation byte
 *   cut 3                                    takes the last three bytes of the file away
 */
#include "encoder/event.h"
#include "encoder/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	uint8_t *p;
	size_t len, cap;
};

struct batch {
	bool is_open, is_padded;
	uint64_t gen, m, time, exp;
	uint64_t size; /* UINT64_MAX: as it is */
	struct bytes data;
};

static struct bytes out;
static struct batch batch;
static const char *file_name = "-";
static unsigned line_number;

static _Noreturn void die(const char *what, const char *word)
{
	fprintf(stderr, "%s:%u: %s '%s'\n", file_name, line_number, what, word ? word : "");
	exit(2);
}

static void put(struct bytes *b, const void *p, size_t n)
{
	if (b->len + n > b->cap) {
		b->cap = 2 * (b->len + n) + 64;
		b->p = realloc(b->p, b->cap);
		if (!b->p)
			die("no memory", NULL);
	}
	if (n)
		memcpy(b->p + b->len, p, n);
	b->len += n;
}

static void put_byte(struct bytes *b, uint8_t v)
{
	put(b, &v, 1);
}

static void put_number(struct bytes *b, uint64_t v)
{
	uint8_t buf[GT_VARINT_MAX];
	put(b, buf, (size_t)(gt_varint_put(buf, v) - buf));
}

/* A number in its longest allowed form. */
static void put_padded(struct bytes *b, uint64_t v)
{
	for (unsigned i = 0; i < GT_VARINT_MAX - 1; i++, v >>= 7)
		put_byte(b, (uint8_t)(0x80 | (v & 0x7f)));
	put_byte(b, (uint8_t)v);
}

static void close_batch(void)
{
	if (!batch.is_open)
		return;
	put_byte(&out, batch.exp != UINT64_MAX ? GT_EV_ExperimentalBatch : GT_EV_EventBatch);
	if (batch.exp != UINT64_MAX)
		put_byte(&out, (uint8_t)batch.exp);
	void (*number)(struct bytes *, uint64_t) = batch.is_padded ? put_padded : put_number;
	number(&out, batch.gen);
	number(&out, batch.m);
	number(&out, batch.time);
	number(&out, batch.size == UINT64_MAX ? batch.data.len : batch.size);
	put(&out, batch.data.p, batch.data.len);
	batch.is_open = false;
}

/* ---------------------------------------------------------------- words */

/* The next word of *s, cut out, or NULL. */
static char *next_word(char **s)
{
	while (isspace((unsigned char)**s))
		(*s)++;
	if (**s == 0 || **s == '#')
		return NULL;
	char *w = *s;
	while (**s && !isspace((unsigned char)**s))
		(*s)++;
	if (**s)
		*(*s)++ = 0;
	return w;
}

static uint64_t to_number(const char *word)
{
	const char *eq = strchr(word, '=');
	const char *p = eq ? eq + 1 : word;
	if (strcmp(p, "-") == 0)
		return UINT64_MAX;
	char *end;
	const uint64_t v = strtoull(p, &end, 0);
	if (end == p || *end)
		die("not a number:", word);
	return v;
}

static uint64_t need_number(char **s, const char *what)
{
	const char *w = next_word(s);
	if (!w)
		die("missing number:", what);
	return to_number(w);
}

static struct bytes *data(void)
{
	if (!batch.is_open)
		die("outside of a batch:", NULL);
	return &batch.data;
}

static void hex_bytes(struct bytes *b, char **s)
{
	for (const char *w; (w = next_word(s));) {
		char *end;
		const unsigned long v = strtoul(w, &end, 16);
		if (*end || v > 255)
			die("not a byte:", w);
		put_byte(b, (uint8_t)v);
	}
}

/* "text" with the escapes of gt_dump_quoted(). */
static void quoted(struct bytes *b, char **s)
{
	char *p = strchr(*s, '"');
	if (!p)
		die("missing text:", *s);
	for (p++; *p && *p != '"'; p++) {
		uint8_t c = (uint8_t)*p;
		if (c == '\\' && p[1] == 'x') {
			const char hex[3] = { p[2], p[2] ? p[3] : 0, 0 };
			c = (uint8_t)strtoul(hex, NULL, 16);
			p += 3;
		} else if (c == '\\') {
			p++;
			c = *p == 'n' ? '\n' : *p == 't' ? '\t' : (uint8_t)*p;
		}
		put_byte(b, c);
	}
	*s = *p ? p + 1 : p;
}

/* ---------------------------------------------------------------- items */

static void header(char *s)
{
	uint8_t bytes[GT_FILE_HEADER_LEN] = { 0 };
	while (isspace((unsigned char)*s))
		s++;
	size_t n = strcspn(s, "#\n");
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	const char *suffix = n >= 2 && memcmp(s, "go", 2) == 0 ? " trace" : "";
	snprintf((char *)bytes, sizeof(bytes), "%.*s%s", (int)n, s, suffix);
	put(&out, bytes, sizeof(bytes));
}

static void begin_batch(char *s)
{
	const struct bytes keep = batch.data;
	batch = (struct batch){
		.is_open = true, .exp = UINT64_MAX, .size = UINT64_MAX, .data = keep
	};
	batch.data.len = 0;
	for (char *w; (w = next_word(&s));) {
		if (strcmp(w, "pad") == 0)
			batch.is_padded = true;
		else if (strncmp(w, "gen=", 4) == 0)
			batch.gen = to_number(w);
		else if (strncmp(w, "m=", 2) == 0)
			batch.m = to_number(w);
		else if (strncmp(w, "time=", 5) == 0)
			batch.time = to_number(w);
		else if (strncmp(w, "exp=", 4) == 0)
			batch.exp = to_number(w);
		else if (strncmp(w, "size=", 5) == 0)
			batch.size = to_number(w);
		else
			die("batch: unknown", w);
	}
}

static void numbers(struct bytes *b, char **s)
{
	for (const char *w; (w = next_word(s));)
		put_number(b, to_number(w));
}

static void string(char *s)
{
	struct bytes text = { 0 };
	put_byte(data(), GT_EV_String);
	put_number(data(), need_number(&s, "id"));
	quoted(&text, &s);
	put_number(data(), text.len);
	put(data(), text.p, text.len);
	free(text.p);
}

static void stack(char *s)
{
	struct bytes frames = { 0 };
	uint64_t n = 0;
	put_byte(data(), GT_EV_Stack);
	put_number(data(), need_number(&s, "id"));
	for (char *w; (w = next_word(&s)); n++) {
		unsigned parts = 0;
		for (char *save, *part = strtok_r(w, ":", &save); part;
		     part = strtok_r(NULL, ":", &save), parts++)
			put_number(&frames, to_number(part));
		if (parts != 4)
			die("a frame is pc:func:file:line, not", w);
	}
	put_number(data(), n);
	put(data(), frames.p, frames.len);
	free(frames.p);
}

static void record(char *s)
{
	const char *name = next_word(&s);
	for (unsigned k = 0; name && k < GT_REC_KINDS; k++) {
		if (!gt_rec_specs[k].name || strcmp(gt_rec_specs[k].name, name))
			continue;
		struct bytes body = { 0 };
		numbers(&body, &s);
		put_byte(data(), (uint8_t)k);
		put_number(data(), body.len);
		put(data(), body.p, body.len);
		free(body.p);
		return;
	}
	die("unknown record", name);
}

static void fill(char *s)
{
	struct bytes once = { 0 };
	uint64_t n = need_number(&s, "times");
	hex_bytes(&once, &s);
	for (; n > 0; n--)
		put(data(), once.p, once.len);
	free(once.p);
}

static void cut(char *s)
{
	const uint64_t n = need_number(&s, "bytes");
	close_batch();
	out.len -= n < out.len ? n : out.len;
}

/* An event or a table's item by the name of its row in events.def. */
static void by_name(const char *name, char *s)
{
	for (unsigned id = 0; id < 256; id++) {
		if (!gt_specs[id].name || strcmp(gt_specs[id].name, name))
			continue;
		if (id == GT_EV_String)
			string(s);
		else if (id == GT_EV_Stack)
			stack(s);
		else {
			put_byte(data(), (uint8_t)id);
			numbers(data(), &s);
		}
		return;
	}
	die("unknown item", name);
}

static void item(const char *word, char *s)
{
	const bool is_outside = strcmp(word, "header") == 0 || strcmp(word, "batch") == 0 ||
				strcmp(word, "end") == 0 || strcmp(word, "out") == 0;
	if (is_outside)
		close_batch();
	if (strcmp(word, "header") == 0)
		header(s);
	else if (strcmp(word, "batch") == 0)
		begin_batch(s);
	else if (strcmp(word, "end") == 0)
		put_byte(&out, GT_END_OF_GENERATION);
	else if (strcmp(word, "out") == 0)
		hex_bytes(&out, &s);
	else if (strcmp(word, "raw") == 0)
		hex_bytes(data(), &s);
	else if (strcmp(word, "fill") == 0)
		fill(s);
	else if (strcmp(word, "cut") == 0)
		cut(s);
	else if (strcmp(word, "record") == 0)
		record(s);
	else if (strcmp(word, "Records") == 0) {
		put_byte(data(), GT_REC_BATCH_BYTE);
		const char *version = next_word(&s);
		put_number(data(), version ? to_number(version) : GT_REC_VERSION);
	} else
		by_name(word, s);
}

static void line(char *s)
{
	char *word = next_word(&s);
	if (word && strncmp(word, "0x", 2) == 0)
		word = next_word(&s);
	if (word && strncmp(word, "expect", 6) != 0)
		item(word, s);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		puts("skipped: usage: asm FILE > OUT (tests/golden/run.sh does)");
		return 77;
	}
	file_name = argv[1];
	FILE *in = strcmp(file_name, "-") ? fopen(file_name, "r") : stdin;
	if (!in) {
		perror(file_name);
		return 2;
	}
	char *text = NULL;
	size_t cap = 0;
	while (getline(&text, &cap, in) > 0) {
		line_number++;
		line(text);
	}
	close_batch();
	fwrite(out.p, 1, out.len, stdout);
	free(text);
	free(out.p);
	free(batch.data.p);
	return fflush(stdout) ? 2 : 0;
}
