/* Any bytes as a picture: no crash, and what the header promised is what decoding gives. */
#include "support.h"

#include "data/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { PIXEL_LIMIT = 1 << 20 };
    tacit_context *context = test_context();
    scratch s;
    image head, got;
    scratch_init(&s, context);
    const tacit_status header = picture_header(context, "input", data, size, PIXEL_LIMIT, &head);
    context_begin(context);
    const tacit_status status = picture_decode(context, "input", data, size, PIXEL_LIMIT, &s, &got);
    if (status == TACIT_OK) {
        uint32_t sum = 0; /* touches every pixel, so that a sanitizer sees what is not there */
        for (size_t i = 0; i < (size_t)got.height * (size_t)got.width * (size_t)got.channels; i++)
            sum += got.pixels[i];
        volatile uint32_t keep = sum;
        (void)keep;
        if (header != TACIT_OK || head.height != got.height || head.width != got.width ||
            head.channels != got.channels)
            abort();
    } else if (tacit_context_message(context)[0] == '\0') {
        abort();
    }
    scratch_fini(&s);
    tacit_context_destroy(context);
    return 0;
}
