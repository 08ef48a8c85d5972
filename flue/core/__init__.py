"""The protocol without I/O: bytes and facts go in, actions come out.

Nothing here opens a socket, sleeps or reads a clock.
"""
