"""Network namespaces by name, as `ip netns` has them."""

import ctypes
import os
import threading
from concurrent.futures import Future

CLONE_NEWNET = 0x40000000  # https://man7.org/linux/man-pages/man2/setns.2.html
LIBC = ctypes.CDLL(None, use_errno=True)


def within(namespace, work):
    """What work() returns, called where sockets belong to this namespace. They stay in it: a socket made there can be used from here."""
    future: Future = Future()

    def enter():
        descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if LIBC.setns(descriptor, CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(descriptor)
        return work()

    def ended():
        try:
            future.set_result(enter())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=ended)  # a namespace is a thread's own
    thread.start()
    thread.join()
    return future.result()
