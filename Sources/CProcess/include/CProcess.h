#pragma once

/* The arguments of the process as the kernel gave them. Swift finds them by walking back from `environ`, and finds
   none when a preloaded library has moved that. */
int process_argument_count(void);
const char *process_argument(int index);
