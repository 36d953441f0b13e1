"""Certificates: one for this machine, the authority that signed it, and one that did not."""

import ssl
from pathlib import Path

import trustme


class Certificates:
    """Lasts as long as the folder that the authorities are written to."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.stranger = folder / "authority.pem", folder / "stranger.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        trustme.CA().cert_pem.write_to_path(str(self.stranger))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.set_alpn_protocols(["h2"])
        authority.issue_cert("127.0.0.1").configure_cert(self.server)
