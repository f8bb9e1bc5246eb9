"""HTTP sources over TLS: servers are verified, clients can be, and time limits hold there too."""

import socket
import ssl
import time

import pytest
import requests

from tests.live.brokers import Certificates, certificates
from tests.live.polling import Polling, ok, options
from tests.live.test_http_push import Clients, free_port, listening, taken
from tests.live.web_server import WebServer, in_turn


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"))


def serving(tls: Certificates, ask_clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.server, tls.server_key)
    if ask_clients:
        context.load_verify_locations(tls.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_poll_believes_only_whom_the_authority_knows(tls: Certificates) -> None:
    server = WebServer(in_turn(ok(b"[1]")), serving(tls))
    known, unknown = Polling(options(server.uri, ca_file=str(tls.ca))), Polling(options(server.uri))
    for poll in (known, unknown):
        poll.polled(1)
    assert known.bodies() == [b"[1]"]
    assert unknown.bodies() == []
    assert "certificate verify failed" in unknown.said[0].lower()
    for end in (known.tap, unknown.tap, server):
        end.close()


def test_a_poll_shows_its_own_certificate(tls: Certificates) -> None:
    server = WebServer(in_turn(ok(b"[1]")), serving(tls, ask_clients=True))
    poll = Polling(options(server.uri, ca_file=str(tls.ca), cert_file=str(tls.client), key_file=str(tls.client_key)))
    poll.polled(1)
    assert poll.bodies() == [b"[1]"]
    poll.tap.close()
    server.close()


def test_a_slow_answer_over_tls_is_cut_too_and_so_is_a_slow_handshake(tls: Certificates) -> None:
    def drip(connection: socket.socket, _number: int, _request: dict[str, str]) -> None:
        for _ in range(1000):
            connection.sendall(b"H")
            time.sleep(0.05)

    server = WebServer(drip, serving(tls))
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes the connection and says nothing
        for uri in (server.uri, f"https://127.0.0.1:{mute.getsockname()[1]}/"):
            poll = Polling(options(uri, ca_file=str(tls.ca), timeout_s=1))
            poll.polled(1)
            assert "no complete answer in 1 s" in poll.said[0] or "timed out" in poll.said[0]
            poll.tap.close()
    server.close()


def test_a_push_source_serves_tls_and_can_ask_for_certificates(tls: Certificates) -> None:
    clients = Clients(free_port())
    files = {"cert_file": str(tls.server), "key_file": str(tls.server_key), "ca_file": str(tls.ca)}
    with listening(clients.port, open=True, **files) as tap:
        uri, fields = f"https://127.0.0.1:{clients.port}/in", {"Content-Type": "application/json"}
        with pytest.raises(requests.ConnectionError):
            requests.post(uri, data=b"{}", headers=fields, verify=str(tls.ca), timeout=30)
        pair = (str(tls.client), str(tls.client_key))
        answer = clients._threads.submit(
            requests.post, uri, data=b"{}", headers=fields, verify=str(tls.ca), cert=pair, timeout=30
        )
        tap.acknowledge([m.marks for m in taken(tap, 1)])
        assert answer.result(30).status_code == 202
