"""The protocol without I/O: bytes and results go in, actions come out.

Nothing here opens a socket, sleeps, reads a clock or draws a random number but for the jitter of tenacity.
"""
