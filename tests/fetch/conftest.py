"""A server on this machine that misbehaves in every way a real one does."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from coos_helpers.fetch import http


class Handler(BaseHTTPRequestHandler):
    """Answer as the first entry of the plan for this path says; as a good server when the plan is empty."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        state, key = self.server.state, self.path.rpartition("/")[2]
        state.log.append((self.command, key, dict(self.headers)))
        plan = state.plans.get(key, [])
        how = plan.pop(0) if plan and self.command == "GET" else {}
        body = how.get("body", state.bodies.get(key, b""))
        status = how.get("status", 200) if key in state.bodies else 404
        start, wanted = 0, self.headers.get("Range")
        if wanted and status == 200 and not how.get("ignore_range"):
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        body = body[start:] if status < 300 else b"no"
        self.send_response(status)
        for name, value in how.get("headers", {}).items():
            self.send_header(name, value)
        for told in how.get("lengths", [len(body)]):
            self.send_header("Content-Length", str(told))
        self.close_connection |= "lengths" in how
        self.end_headers()
        sent = b"" if self.command == "HEAD" else body[: how.get("cut", len(body))]
        self.wfile.write(sent)
        if how.get("hold"):  # until the client was killed, or the test is over
            state.over.wait()
        self.close_connection |= len(sent) < len(body)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """Serve `bodies` by `plans`: `status`, `headers`, `body`, `cut` bytes, `hold`, `ignore_range`, `lengths` told."""
    for name in http.PROXIES + http.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.handle_error = lambda *args: None  # a killed client resets its connection
    base, over = f"http://127.0.0.1:{running.server_port}", threading.Event()
    state = running.state = SimpleNamespace(base=base, bodies={}, plans={}, log=[], over=over)
    state.asked = lambda key: [headers for _, name, headers in state.log if name == key]
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    over.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Record the seconds that would have been waited."""
    seconds = []
    monkeypatch.setattr(http, "wait", seconds.append)
    return seconds
