"""Answers over HTTP that nobody reads to their end."""

import aiohttp


def drop(response: aiohttp.ClientResponse) -> None:
    """End an answer's connection at once if the answer was not read whole; else do nothing.

    A TLS connection that is closed politely waits up to 30 s for the other side's goodbye and reads
    on meanwhile; its socket outlives whoever gave the answer up.
    """
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()
