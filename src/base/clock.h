/* Time for progress and reports; no result depends on it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

double clock_seconds(void); /* monotonic, since some moment */

#endif
