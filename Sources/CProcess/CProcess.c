#define _GNU_SOURCE
#include "CProcess.h"
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int count;
static char **arguments;

/* glibc hands main's parameters to constructors, too. */
__attribute__((constructor)) static void keep(int argc, char **argv)
{
    count = argc;
    arguments = argv;
}

int process_argument_count(void)
{
    return count;
}

const char *process_argument(int index)
{
    return index >= 0 && index < count ? arguments[index] : "";
}

static int release(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        /* What was never writable is as it is in the file, and comes back from there. */
        if (part->p_type != PT_LOAD || part->p_flags & PF_W)
            continue;
        uintptr_t start = object->dlpi_addr + part->p_vaddr;
        uintptr_t first = (start + page - 1) & ~(page - 1), end = (start + part->p_memsz) & ~(page - 1);
        if (end > first)
            madvise((void *)first, end - first, MADV_DONTNEED);
    }
    return 0;
}

void process_release_code(void)
{
    dl_iterate_phdr(release, NULL);
    malloc_trim(0);
}
