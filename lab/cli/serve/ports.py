"""Where a lab listens: the API, its control plane, and with `--tls` https beside http.

The authority of https lives as long as the lab; how clients are told to trust it stands here too.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from lab.core.errors import HostError
from lab.files.runtime import publish, withdraw
from lab.server.listener import Bound, bind, is_every_address
from lab.server.listening_server import ListeningServer
from lab.settings import ListenSettings, MockSettings, TlsSettings

if TYPE_CHECKING:
    from lab.server.tls import Authority, AuthorityKey


class HttpsPort(Struct, frozen=True):
    """A port for TLS, and what is shown and trusted there."""

    bound: Bound
    authority: "Authority"
    runtime: str | None
    ca_file: str | None = None
    """Where the certificate to trust lies, if another process keeps it there."""

    @property
    def origin(self) -> str:
        """Where https is served."""
        return "https" + self.bound.origin.removeprefix("http")

    @property
    def _name(self) -> str:
        return f"ca-{self.bound.origin.rpartition(':')[2]}"

    def start(self, server: ListeningServer) -> tuple[str, str]:
        """Serve; the origin, and the file of the certificate that clients must trust."""
        file = self.publish()
        return server.start_tls(self.bound, self.authority.context), file

    def publish(self) -> str:
        """The file of the certificate that clients must trust, from now on until `withdraw`."""
        if self.ca_file is not None:
            return self.ca_file
        self.withdraw()
        # nothing in it is secret; the folder is the user's alone
        kept = publish(f"{self._name}.pem", self.authority.certificate, runtime=self.runtime, mode=0o644)
        if kept is None:
            raise HostError(
                "The certificate to trust can't be kept.", hint="Make the run-time folder yours alone, mode 0700."
            )
        return str(kept)

    def withdraw(self) -> None:
        """Nobody needs to trust it any more; the key store is what a client of ours in Java made of it."""
        if self.ca_file is None:
            for ending in ("pem", "p12"):
                withdraw(f"{self._name}.{ending}", runtime=self.runtime)


def open_https_port(
    listen: ListenSettings,
    tls: TlsSettings,
    base: str | None,
    take: Callable[[str, int], Bound] = bind,
    known: "AuthorityKey | None" = None,
    ca_file: str | None = None,
) -> HttpsPort:
    """Take the port; `base` is the origin by which clients know the mock, if it is another one.

    The authority, and the file that clients trust, may be `known` from another process.
    """
    from lab.server.tls import throwaway  # most labs speak plain HTTP alone

    public = urlsplit(base).hostname if base else None
    names = (*(() if is_every_address(listen.host) else (listen.host,)), *tls.names, *((public,) if public else ()))
    return HttpsPort(take(listen.host, tls.port), throwaway(names, known), listen.runtime, ca_file)


def trust_lines(https_url: str, ca_file: str) -> list[str]:
    """How clients in other languages are told to trust it."""
    file = quote(str(Path(ca_file)))
    store = quote(str(Path(ca_file).with_suffix(".p12")))
    return [
        "Trust it, from",
        f"  curl     curl --cacert {file} {https_url}/.well-known/openid-configuration",
        f"  Python   export SSL_CERT_FILE={file} REQUESTS_CA_BUNDLE={file}   (httpx and aiohttp; requests)",
        f"  Node     export NODE_EXTRA_CA_CERTS={file}",
        f"  Java     keytool -importcert -noprompt -alias lab -file {file} -keystore {store} -storetype PKCS12 -storepass lab-trust",
        f"           java -Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=lab-trust …",
    ]


class Ports(Struct, frozen=True):
    """Where a mock listens."""

    api: Bound
    https: HttpsPort | None
    control: Bound | None
    """None: another process has the lab's control plane."""

    @property
    def origin(self) -> str:
        """What URLs in answers name: a pod is reached by https alone, so that where it is served."""
        return (self.https or self.api).origin

    def close(self) -> None:
        """Let all of them go."""
        self.api.close()
        for each in (self.https.bound if self.https is not None else None, self.control):
            if each is not None:
                each.close()


def open_ports(settings: MockSettings) -> Ports:
    """Take those that were asked for, all or none."""
    listen = settings.listen
    with ExitStack() as taken:
        api = bind(listen.host, listen.port)
        taken.callback(api.close)
        https = open_https_port(listen, listen.tls, settings.base) if listen.tls is not None else None
        if https is not None:
            taken.callback(https.bound.close)
        ports = Ports(api, https, bind(listen.host, listen.control_port))
        taken.pop_all()
        return ports
