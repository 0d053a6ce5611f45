/* Erasing: a rectangle of one colour (Zhong et al. 2020, "Random erasing data augmentation"). */
#include "data/augment/augment.h"

void erase_box(canvas *c, int x, int y, int width, int height, const float *fill)
{
    const int left = x > 0 ? x : 0, top = y > 0 ? y : 0;
    const int right = width < c->width - x ? x + width : c->width;
    const int bottom = height < c->height - y ? y + height : c->height;
    for (int row = top; row < bottom; row++)
        for (int column = left; column < right; column++)
            for (int k = 0; k < c->channels; k++)
                c->pixels[((size_t)row * c->width + column) * c->channels + k] = fill[k];
}
