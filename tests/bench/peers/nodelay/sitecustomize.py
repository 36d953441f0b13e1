"""Python loads this first where it is on the path: sockets are bound with TCP_NODELAY, which those that they accept inherit.

MLflow's workers lack it: their server makes its socket itself, and nobody sets it there.
"""

import _socket
import socket


def bind(self: socket.socket, address: object) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _socket.socket.bind(self, address)


socket.socket.bind = bind
