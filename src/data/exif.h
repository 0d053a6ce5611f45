/* The one thing of EXIF that changes pixels: which way up the camera was held. */
#ifndef DATA_EXIF_H
#define DATA_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* Orientation 1..8 from an EXIF block (a small TIFF file: "II*\0" or "MM\0*" first; a leading "Exif\0\0" is
 * skipped); 1, upright, when it says none or is damaged. */
int exif_orientation(const uint8_t *block, size_t size);

#endif
