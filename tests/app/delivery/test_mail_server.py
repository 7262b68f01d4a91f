"""A mail server that encrypts, by STARTTLS or from the start, with a certificate of its own CA."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import SecretStr

from app.delivery.mailing import send_letter
from app.delivery.pauses import Outcome
from app.settings import Settings
from tests.app.jobs.running import free_port

NAME, WORD = "mars", "p@ss:word/ä"
QUOTED = "p%40ss%3Aword%2F%C3%A4"
_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"


@dataclass
class Server:
    """What the server has got: letters' addresses and whether they came encrypted, passwords."""

    letters: list[tuple[str, bool]] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        is_encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.letters.append((envelope.rcpt_tos[0], is_encrypted))
        return "250 OK"

    def authenticate(self, *asked: Any) -> AuthResult:
        told = asked[-1]
        assert isinstance(told, LoginPassword)
        self.passwords.append(told.password.decode())
        is_good = (told.login, told.password) == (NAME.encode(), WORD.encode())
        return AuthResult(success=is_good, handled=False)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate for localhost, and the authority that signed it."""
    folder = tmp_path_factory.mktemp("authority")
    authority = folder / "ca.pem"
    for told in (
        f"-subj /CN=authority -keyout ca.key -out {authority}",
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost "
        "-addext basicConstraints=CA:FALSE "
        f"-CA {authority} -CAkey ca.key -keyout key.pem -out cert.pem",
    ):
        command = f"openssl req -x509 {_KEY} {told}".split()
        subprocess.run(command, cwd=folder, check=True, stderr=subprocess.DEVNULL)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return shown, authority


@contextmanager
def serving_mail(manner: str, certificate: ssl.SSLContext) -> Iterator[tuple[Server, int]]:
    """A server that encrypts from the start, once it is asked to, or never."""
    server = Server()
    manners: dict[str, dict[str, Any]] = {
        "smtps": {"ssl_context": certificate, "auth_require_tls": False},
        "starttls": {"tls_context": certificate},
        "plain": {"auth_require_tls": False},
    }
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=server.authenticate,
        **manners[manner],
    )
    controller.start()
    try:
        yield server, controller.port
    finally:
        controller.stop()


USER = f"{NAME}:{QUOTED}@"
UNTRUSTED = "the mail server's certificate is not trusted: "
GIVEN = "given to the mail server"
NO_PASSWORD = "the mail server does not encrypt, so no password was sent to it"
NOT_ACCEPTED = "the mail server did not accept the name and password of MARS_SMTP_URL"


@pytest.mark.parametrize(
    ("manner", "url", "is_known", "words"),
    [
        ("starttls", f"smtp://{USER}localhost", True, GIVEN),
        ("starttls", "smtp://localhost", True, GIVEN),
        ("smtps", f"smtps://{USER}localhost", True, GIVEN),
        ("plain", "smtp://localhost", False, GIVEN),
        ("starttls", f"smtp://{USER}127.0.0.1", True, f"{UNTRUSTED}IP address mismatch"),
        ("starttls", "smtp://localhost", False, f"{UNTRUSTED}unable to get local issuer"),
        ("smtps", f"smtps://{USER}localhost", False, f"{UNTRUSTED}unable to get local issuer"),
        ("smtps", "smtps://127.0.0.1", True, f"{UNTRUSTED}IP address mismatch"),
        ("starttls", f"smtp://{NAME}:wrong@localhost", True, NOT_ACCEPTED),
        ("smtps", f"smtps://{NAME}:wrong@localhost", True, NOT_ACCEPTED),
        ("plain", f"smtp://{USER}localhost", True, NO_PASSWORD),
        ("plain", "smtps://localhost", True, "the mail server did not take it"),
    ],
)
async def test_a_mail_is_given_to_a_server_that_is_known(
    certified: tuple[ssl.SSLContext, Path], manner: str, url: str, is_known: bool, words: str
) -> None:
    certificate, authority = certified
    letter = EmailMessage()
    letter["To"] = "reader@example.org"
    letter.set_content("text")
    with serving_mail(manner, certificate) as (server, port):
        told: dict[str, Any] = {"smtp_url": SecretStr(f"{url}:{port}"), "mail_from": "mars@x.org"}
        known = {"smtp_ca_file": str(authority)} if is_known else {}
        tried = await send_letter(letter, Settings().model_copy(update=told | known))
    assert tried.words.startswith(words)
    is_taken = words == GIVEN
    assert tried.outcome == (Outcome.TAKEN if is_taken else Outcome.FAILED)
    assert server.letters == [("reader@example.org", manner != "plain")] * is_taken
    # Nobody is told the password who is not known, or who does not encrypt.
    said = {GIVEN: [WORD], NOT_ACCEPTED: ["wrong"]}.get(words, []) if "@" in url else []
    assert set(server.passwords) == set(said)


async def test_no_authority_is_no_mail(certified: tuple[ssl.SSLContext, Path]) -> None:
    """A file that is not there, or holds none."""
    letter = EmailMessage()
    letter["To"] = "reader@example.org"
    for name in ("nowhere.pem", __file__):
        with serving_mail("smtps", certified[0]) as (server, port):
            told: dict[str, Any] = {
                "smtp_url": SecretStr(f"smtps://localhost:{port}"),
                "mail_from": "mars@x.org",
            }
            told |= {"smtp_ca_file": name}
            tried = await send_letter(letter, Settings().model_copy(update=told))
        assert (tried.outcome, server.letters) == (Outcome.FAILED, [])
