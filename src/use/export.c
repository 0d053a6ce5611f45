#include "use/export.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

tacit_status export_npy(tacit_context *context, const char *path, const float *x, int64_t count,
                        int64_t dimension)
{
    char text[128];
    uint8_t header[128];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = sizeof header - 10;
    header[9] = 0;
    const int used =
        snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                 (long long)count, (long long)dimension);
    memcpy(header + 10, text, (size_t)used);
    header[sizeof header - 1] = '\n';
    file_writer w;
    TRY(file_writer_open(&w, context, path));
    file_writer_write(&w, header, sizeof header);
    file_writer_write(&w, x, (size_t)(count * dimension) * sizeof *x);
    return file_writer_commit(&w);
}

void export_quoted(file_writer *w, const char *text)
{
    file_writer_write(w, "\"", 1);
    for (; *text; text++)
        file_writer_write(w, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    file_writer_write(w, "\"", 1);
}

void export_names(file_writer *w, const dataset *d, int64_t i)
{
    char name[1024];
    dataset_name(d, i, name, sizeof name);
    export_quoted(w, name);
    file_writer_write(w, ",", 1);
    if (d->labels && d->label_names)
        export_quoted(w, d->label_names[d->labels[i]]);
    else if (d->labels)
        file_writer_print(w, "%d", (int)d->labels[i]);
    file_writer_write(w, ",", 1);
}

tacit_status export_csv(tacit_context *context, const char *path, const float *x, int64_t count,
                        int64_t dimension, const dataset *d, int64_t first)
{
    file_writer w;
    if (d && (first < 0 || first > d->count || count > d->count - first))
        return context_fail(context, TACIT_ARGUMENT, "%s: rows for examples %lld to %lld, the data have %lld",
                            path, (long long)first, (long long)(first + count) - 1, (long long)d->count);
    TRY(file_writer_open(&w, context, path));
    file_writer_print(&w, "%s", d ? "name,label," : "");
    for (int64_t i = 0; i < dimension; i++)
        file_writer_print(&w, i + 1 < dimension ? "e%lld," : "e%lld\n", (long long)i);
    for (int64_t r = 0; r < count; r++) {
        if (d)
            export_names(&w, d, first + r);
        for (int64_t i = 0; i < dimension; i++)
            file_writer_print(&w, i + 1 < dimension ? "%.9g," : "%.9g\n", (double)x[r * dimension + i]);
    }
    return file_writer_commit(&w);
}
