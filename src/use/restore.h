/* Pictures made whole by a method that predicts pictures: tiles of the model's size, blended. */
#ifndef USE_RESTORE_H
#define USE_RESTORE_H

#include "data/views.h"
#include "objective/learner.h"
#include "op/work.h"

typedef struct restorer restorer;

/* What is asked for: the whole is restored, or holes are filled from what is around them; or rows of a table.
 */
typedef enum restore_task { RESTORE_WHOLE, RESTORE_HOLES, RESTORE_ROWS } restore_task;

/* Learner and work are kept. `pixels`: what the model's views are. TACIT_ARGUMENT names the method that can
 * not do this task, and what can. */
tacit_status restorer_create(restorer **out, const learner *l, const pixel_scale *pixels, restore_task task,
                             work *w);
void restorer_destroy(restorer *r);

/* tiles (count, S, S, C) of numbers from 0 to 1, S the model's size and C its channels -> out (count, S, S,
 * C), clipped to that range. hidden (count, S, S): not 0 where a pixel is not known, and it alone is changed;
 * NULL for RESTORE_WHOLE. A tile of which nothing is known becomes the mean colour. */
tacit_status restorer_tiles(restorer *r, const float *tiles, const uint8_t *hidden, int64_t count,
                            float *out);

/* rows (count, columns) as views have them -> out (count, columns). hidden (count, columns): not 0 where a
 * column is not known, and it alone is changed; NULL: all are, from themselves. */
tacit_status restorer_rows(restorer *r, const float *rows, const uint8_t *hidden, int64_t count, float *out);

/* A picture (height, width, C) of any size, and hidden (height, width) or NULL, likewise. Tiles overlap by a
 * half and are blended with sin^2 windows; a picture that is smaller is continued by reflection. */
tacit_status restorer_picture(restorer *r, const float *picture, const uint8_t *hidden, int height, int width,
                              float *out);

#endif
