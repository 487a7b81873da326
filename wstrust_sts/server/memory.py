"""Memory that was needed for a moment goes back to the system at once."""

import ctypes

_M_MMAP_THRESHOLD = -3  # <malloc.h>
_LARGE = 128 * 1024  # octets; what the C library begins with


def return_large_blocks() -> None:
    """Keeps the C library from pooling large blocks; call it before there are threads.

    It begins by mapping them one by one, but raises what it takes for large with every block that is freed: after
    one password hash of 7 MiB each thread that ever computed one would keep as much. Other C libraries have no
    such habit and no such setting.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGE)
