/* Pieces of a page that needs no other file. */
#ifndef USE_HTML_H
#define USE_HTML_H

#include "base/file.h"

/* Text with &, <, > and quotes as entities. */
void html_text(file_writer *w, const char *text);

/* A PNG file as <img>, its bytes inside; TACIT_IO where it can not be read. `about` is what it shows. */
tacit_status html_picture(file_writer *w, const char *path, const char *about);

/* The first `most` lines of a text file as <pre>; of what is below a space, line ends and tabs stay. TACIT_IO
 * where it can not be read. */
tacit_status html_lines(file_writer *w, const char *path, int most);

/* A line through numbers (count, at least 2, finite) as <svg>, from the least to the largest, both written
 * beside. */
void html_curve(file_writer *w, const double *y, int count, const char *about);

#endif
