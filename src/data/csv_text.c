/* Cutting comma-separated text in place: what is written never overtakes what is read. */
#include "data/csv_text.h"

#include <string.h>

typedef struct cutter {
    csv_text *out;
    const char *from, *end;
    char *to;
    char separator;
    int64_t line; /* of `from` */
} cutter;

static const char separators[] = ",;\t";

/* The separator that is most frequent in the first line, quoted parts left out; 0: none is there. */
static char find_separator(const char *text, const char *end)
{
    size_t counts[3] = {0}, best = 0;
    bool quoted = false;
    for (; text < end && (*text != '\n' || quoted); text++) {
        const char *found = *text ? strchr(separators, *text) : NULL;
        quoted ^= *text == '"';
        if (found && !quoted)
            counts[found - separators]++;
    }
    for (size_t i = 1; i < 3; i++)
        best = counts[i] > counts[best] ? i : best;
    return counts[best] ? separators[best] : '\0';
}

bool csv_sniff(const uint8_t *head, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (head[i] < ' ' && head[i] != '\n' && head[i] != '\r' && head[i] != '\t')
            return false;
    return size > 0 && find_separator((const char *)head, (const char *)head + size);
}

/* ---- fields ---- */

static bool at_field_end(const cutter *c)
{
    return c->from == c->end || *c->from == c->separator || *c->from == '\n' ||
           (*c->from == '\r' && (c->from + 1 == c->end || c->from[1] == '\n'));
}

static tacit_status cut_quoted(cutter *c)
{
    const long long first = c->line;
    for (c->from++; c->from < c->end; c->from++) {
        if (*c->from == '"' && (c->from + 1 == c->end || c->from[1] != '"'))
            break;
        c->from += *c->from == '"';
        c->line += *c->from == '\n';
        *c->to++ = *c->from;
    }
    if (c->from == c->end)
        return context_fail(c->out->context, TACIT_FORMAT, "%s: line %lld: a quote that is never closed",
                            c->out->path, first);
    c->from++;
    if (!at_field_end(c))
        return context_fail(c->out->context, TACIT_FORMAT,
                            "%s: line %lld: text behind a closing quote: expected a separator", c->out->path,
                            (long long)c->line);
    return TACIT_OK;
}

static void cut_plain(cutter *c)
{
    const char *start = c->to;
    for (; !at_field_end(c); c->from++)
        *c->to++ = *c->from;
    while (c->to > start && c->to[-1] == ' ')
        c->to--;
}

/* One field with its end; *last when the record ends with it. */
static tacit_status cut_field(cutter *c, bool *last)
{
    while (c->from < c->end && *c->from == ' ')
        c->from++;
    if (c->from < c->end && *c->from == '"')
        TRY(cut_quoted(c));
    else
        cut_plain(c);
    *last = c->from == c->end || *c->from != c->separator;
    if (c->from < c->end && *c->from == '\r')
        c->from++;
    if (c->from < c->end) {
        c->line += *c->from == '\n';
        c->from++;
    }
    *c->to++ = '\0';
    return TACIT_OK;
}

/* ---- records ---- */

static void skip_empty_lines(cutter *c)
{
    for (;;) {
        const bool carriage = c->end - c->from > 1 && c->from[0] == '\r' && c->from[1] == '\n';
        if (c->from == c->end || (*c->from != '\n' && !carriage))
            return;
        c->from += 1 + carriage;
        c->line++;
    }
}

static tacit_status cut_record(cutter *c)
{
    csv_text *t = c->out;
    const int64_t line = c->line;
    int64_t fields = 0;
    for (bool last = false; !last; fields++)
        TRY(cut_field(c, &last));
    if (t->records && fields != t->fields)
        return context_fail(t->context, TACIT_FORMAT,
                            "%s: line %lld has %lld fields: expected %lld, as line %lld has", t->path,
                            (long long)line, (long long)fields, (long long)t->fields, (long long)t->lines[0]);
    TRY(memory_reserve(t->context, (void **)&t->lines, &t->line_capacity, (size_t)t->records + 1,
                       sizeof *t->lines));
    t->fields = fields;
    t->lines[t->records++] = line;
    return TACIT_OK;
}

tacit_status csv_cut(csv_text *t, size_t size)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    cutter c = {.out = t, .from = t->text, .end = t->text + size, .to = t->text, .line = 1};
    const char *zero = memchr(t->text, 0, size);
    if (zero)
        return context_fail(t->context, TACIT_FORMAT, "%s: byte %lld is 0: expected a text", t->path,
                            (long long)(zero - t->text));
    if (size >= 3 && memcmp(c.from, byte_order_mark, 3) == 0)
        c.from += 3;
    c.separator = find_separator(c.from, c.end);
    if (!c.separator)
        c.separator = ','; /* a single column */
    for (skip_empty_lines(&c); c.from < c.end; skip_empty_lines(&c))
        TRY(cut_record(&c));
    if (t->records == 0)
        return context_fail(t->context, TACIT_FORMAT, "%s: there are no rows in it", t->path);
    return TACIT_OK;
}

void csv_text_fini(csv_text *t)
{
    if (!t->context)
        return;
    memory_free(t->context, t->text);
    memory_free(t->context, t->lines);
    *t = (csv_text){0};
}
