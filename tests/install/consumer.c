/* The smallest program on an installed tacit. */
#include <tacit.h>

#include <stdio.h>

int main(void)
{
    tacit_context *context;
    if (tacit_context_create(&context, NULL) != TACIT_OK)
        return 1;
    puts(tacit_status_sentence(TACIT_OK));
    tacit_context_destroy(context);
    return 0;
}
