"""A network between client and server that can be cut."""

import asyncio
import ssl

LOST_BYTES = 8192
"""How much of what a client says still reaches the server while the answers are lost already."""


class Proxy:
    """Passes connections on to a port of this machine, and ends their TLS as the gateway in front of a server does."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self.target, self.tls = target, tls
        self.port = 0
        self.cuts = 0
        """Times that the connections were cut."""
        self._connections: set[_Connection] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.close()

    def drop(self) -> None:
        """Cuts all connections now."""
        self.cuts += 1
        for connection in list(self._connections):
            connection.close()

    def cut(self) -> None:
        """Loses the answers of the server from now on, and cuts once it has had more to do and answered in vain.

        So the client does not know what of its last words is kept: the moment in which points are lost or doubled.
        """
        for connection in self._connections:
            connection.heard_in_vain = 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(self, writer, requests)
        self._connections.add(connection)
        try:
            await asyncio.gather(connection.requests(reader), connection.answers(answers))
        finally:
            self._connections.discard(connection)
            connection.close()


class _Connection:
    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.heard_in_vain: int | None = None
        """Bytes that the client sent since answers are lost; none while nothing is lost."""

    async def requests(self, reader: asyncio.StreamReader) -> None:
        while data := await self._read(reader):
            if self.heard_in_vain is not None:
                self.heard_in_vain += len(data)
            await self._write(self.server, data)
        self.close()

    async def answers(self, reader: asyncio.StreamReader) -> None:
        while data := await self._read(reader):
            if self.heard_in_vain is None:
                await self._write(self.client, data)
            elif self.heard_in_vain >= LOST_BYTES:
                self.proxy.drop()
        self.close()

    def close(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(16384)
        except OSError:
            return b""

    @staticmethod
    async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
        try:
            writer.write(data)
            await writer.drain()
        except OSError:
            pass
