internal import Glibc

/// How many processors there are.
func processorCount() -> Int {
    sysconf(Int32(_SC_NPROCESSORS_ONLN))
}
