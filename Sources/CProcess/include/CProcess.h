#pragma once

/* The arguments of the process as the kernel gave them. Swift finds them by walking back from `environ`, and finds
   none when a preloaded library has moved that. */
int process_argument_count(void);
const char *process_argument(int index);

/* Gives back the memory that only the start needed: what malloc has free, and the pages of the program and its
   libraries. Those that are needed again come back from the page cache, one by one. */
void process_release_code(void);
