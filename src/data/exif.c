/* EXIF: a TIFF folder of tags, of which one is looked for. */
#include "data/exif.h"

#include "base/bytes.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };

static uint16_t read_u16(bytes *b, bool big)
{
    return big ? bytes_u16_be(b) : bytes_u16_le(b);
}

static uint32_t read_u32(bytes *b, bool big)
{
    return big ? bytes_u32_be(b) : bytes_u32_le(b);
}

/* The orientation in the TIFF folder where `b` stands, or 0. */
static int find_orientation(bytes *b, bool big)
{
    const uint16_t entries = read_u16(b, big);
    for (uint16_t i = 0; i < entries && bytes_left(b) >= ENTRY_SIZE; i++) {
        const uint16_t tag = read_u16(b, big), type = read_u16(b, big);
        const uint32_t count = read_u32(b, big);
        const uint16_t value = read_u16(b, big);
        bytes_skip(b, 2);
        if (tag == TAG_ORIENTATION)
            return type == TYPE_SHORT && count == 1 && value <= 8 ? value : 0;
    }
    return 0;
}

int exif_orientation(const uint8_t *block, size_t size)
{
    static const uint8_t little_mark[4] = {'I', 'I', 42, 0}, big_mark[4] = {'M', 'M', 0, 42};
    if (size >= 6 && memcmp(block, "Exif\0\0", 6) == 0) {
        block += 6;
        size -= 6;
    }
    bytes b = bytes_of(block, size);
    const uint8_t *mark = bytes_skip(&b, 4);
    if (!mark)
        return 1;
    const bool big = memcmp(mark, big_mark, 4) == 0;
    if (!big && memcmp(mark, little_mark, 4) != 0)
        return 1;
    const uint32_t start = read_u32(&b, big);
    if (start < b.at || !bytes_skip(&b, start - b.at))
        return 1;
    const int found = find_orientation(&b, big);
    return found ? found : 1;
}
