"""Where a lab listens: the API, its control plane, and with `--tls` https beside http.

The authority of https lives as long as the lab; how clients are told to trust it stands here too.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from lab.core.errors import HostError
from lab.files.runtime import publish, withdraw
from lab.server.listener import Bound, bind, is_every_address
from lab.server.listening_server import ListeningServer
from lab.settings import ListenSettings, MockSettings

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


class Ports(Struct, frozen=True):
    """Where something listens."""

    api: Bound
    https: HttpsPort | None = None
    control: Bound | None = None
    """None: another process has the lab's control plane, or there is none."""

    @property
    def origin(self) -> str:
        """What URLs in answers name: a pod is reached by https alone, so that where it is served."""
        return (self.https or self.api).origin

    def start_https(self, server: ListeningServer, ends: AsyncExitStack) -> dict[str, str]:
        """Serve it too, if that was asked for: where, and the file of what clients must trust until the stack ends."""
        if (https := self.https) is None:
            return {}
        ends.callback(https.withdraw)
        file = https.publish()
        return {"https_url": server.start_tls(https.bound, https.authority.context), "ca_file": file}

    def close(self) -> None:
        """Let all of them go."""
        for each in (self.api, None if self.https is None else self.https.bound, self.control):
            if each is not None:
                each.close()


def open_ports(
    listen: ListenSettings,
    base: str | None = None,
    take: Callable[[str, int], Bound] = bind,
    *,
    control: Callable[[], Bound | None] = lambda: None,
    known: "tuple[AuthorityKey, str] | None" = None,
) -> Ports:
    """Take those that were asked for, all or none; `base` is the origin by which clients know the mock, if it is another.

    The authority of https, and the file that clients trust, may be `known` from another process.
    """
    with ExitStack() as taken:
        api, https = take(listen.host, listen.port), None
        taken.callback(api.close)
        if (tls := listen.tls) is not None:
            from lab.server.tls import throwaway  # most labs speak plain HTTP alone

            public = urlsplit(base).hostname if base else None
            own = () if is_every_address(listen.host) else (listen.host,)
            bound = take(listen.host, tls.port)
            taken.callback(bound.close)
            key, file = known or (None, None)
            authority = throwaway((*own, *tls.names, *((public,) if public else ())), key)
            https = HttpsPort(bound, authority, listen.runtime, file)
        ports = Ports(api, https, control())
        taken.pop_all()
        return ports


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


def open_mock_ports(settings: MockSettings, take: Callable[[str, int], Bound] = bind) -> Ports:
    """Those of a mock and its control plane."""
    listen = settings.listen
    return open_ports(listen, settings.base, take, control=lambda: bind(listen.host, listen.control_port))
