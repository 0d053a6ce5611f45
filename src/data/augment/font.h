/* A font of 5x7 pixels for the titles of sheets. */
#ifndef DATA_AUGMENT_FONT_H
#define DATA_AUGMENT_FONT_H

#include <stdint.h>

enum { FONT_WIDTH = 5, FONT_HEIGHT = 7 };

/* The rows (FONT_HEIGHT) of an ASCII character from the top; bit 4 is the left column. What is not printable
 * ASCII is shown as a question mark. */
const uint8_t *font_rows(char character);

#endif
