#pragma once

/* The arguments of the process as the kernel gave them. Swift finds them by walking back from `environ`, and finds
   none when a preloaded library has moved that. */
int process_argument_count(void);
const char *process_argument(int index);

/* Gives back the memory that only the start needed: pages of the program and its libraries that nobody has asked for
   since come from the page cache again when somebody does, and so does what malloc has free. */
void process_release_code(void);
