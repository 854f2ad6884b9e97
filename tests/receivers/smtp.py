"""An SMTP server that writes each mail to a file.

usage: smtp.py PORT FOLDER plain|starttls:KEYS|tls:KEYS

KEYS is a folder with cert.pem and key.pem. The user is `alerts`, the password `right`.
"""
import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, folder):
        self.folder = folder

    async def handle_DATA(self, server, session, envelope):
        number = len(list(self.folder.iterdir()))
        (self.folder / str(number)).write_bytes(envelope.content)
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    # If it is not handled, the server itself says no.
    return AuthResult(success=(data.login, data.password) == (b"alerts", b"right"), handled=False)


async def main(port, folder, mode):
    mode, _, keys = mode.partition(":")
    context = None
    if keys:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{keys}/cert.pem", f"{keys}/key.pem")

    def connection():
        return SMTP(Keeper(pathlib.Path(folder)), authenticator=login, auth_required=True,
                    auth_require_tls=mode == "starttls",
                    tls_context=context if mode == "starttls" else None)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", int(port),
                                      ssl=context if mode == "tls" else None)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
