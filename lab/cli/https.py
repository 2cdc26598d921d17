"""`lab serve --tls`: https beside http, with an authority that lives as long as the lab, and how to trust it."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Protocol
from urllib.parse import urlsplit

from lab.core.errors import HostError
from lab.files import publish, withdraw
from lab.server.listen import Bound, bind
from lab.server.mock_server import MockServer
from lab.server.tls import Authority, names_of, throwaway
from lab.settings import Settings


class Closed(Protocol):
    """What is closed if the rest can't be had."""

    def close(self) -> None:
        """Let it go."""


@dataclass(frozen=True, slots=True)
class HttpsPort:
    """A port for TLS, and what is shown and trusted there."""

    bound: Bound
    authority: Authority
    runtime: str | None

    @property
    def origin(self) -> str:
        """Where https is served."""
        return "https" + self.bound.origin.removeprefix("http")

    @property
    def _name(self) -> str:
        return f"ca-{self.bound.origin.rpartition(':')[2]}"

    def start(self, server: MockServer) -> tuple[str, str]:
        """Serve; the origin, and the file of the certificate that clients must trust."""
        self.stop()
        # nothing in it is secret; the folder is the user's alone
        kept = publish(f"{self._name}.pem", self.authority.certificate, runtime=self.runtime, mode=0o644)
        if kept is None:
            raise HostError(
                "The certificate to trust can't be kept.", hint="Make the run-time folder yours alone, mode 0700."
            )
        return server.start_tls(self.bound, self.authority.context), str(kept)

    def stop(self) -> None:
        """Nobody needs to trust it any more; the key store is what a client of ours in Java made of it."""
        for ending in ("pem", "p12"):
            withdraw(f"{self._name}.{ending}", runtime=self.runtime)


def secured(asked: Settings, before: Closed) -> HttpsPort | None:
    """A port for TLS if one was asked for; if it can't be had, `before` is closed."""
    if not asked.tls:
        return None
    bound: Bound | None = None
    try:
        bound = bind(asked.host, asked.tls_port)
        public = urlsplit(asked.base).hostname if asked.base else None
        names = (*asked.tls_names, *((public,) if public else ()))
        return HttpsPort(bound, throwaway(names_of(asked.host, names)), asked.runtime)
    except BaseException:
        for taken in (before, bound):
            if taken is not None:
                taken.close()
        raise


def trusting(https_url: str, ca_file: str) -> list[str]:
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
