"""The services of the Ordering application, as small as they can be.

    service.py NAME PORT [EGRESS HOST PATH]

Answers on 127.0.0.1:PORT; before that, asks HOST through the sidecar's egress
listener (its port), if there is one to ask.  A service knows the name of the
next one and its own sidecar, nothing else of the mesh.
"""

import http.client
import http.server
import json
import sys


class Service(http.server.BaseHTTPRequestHandler):
    """One connection, with a thread and a connection to the next service."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1               # header and body leave in one piece

    name = ""
    egress = None               # (port, host, path)

    def setup(self):
        super().setup()
        self.next = None

    def finish(self):
        if self.next is not None:
            self.next.close()
        super().finish()

    def ask_next(self):
        """Asks the next service; never twice, so that no failure is hidden.
        The header of the trace goes on, which is all that traces ask for."""
        port, host, path = self.egress
        if self.next is None:
            self.next = http.client.HTTPConnection("127.0.0.1", port,
                                                   timeout=10)
        try:
            headers = {"Host": host}
            if "X-Amzn-Trace-Id" in self.headers:
                headers["X-Amzn-Trace-Id"] = self.headers["X-Amzn-Trace-Id"]
            self.next.request("GET", path, headers=headers)
            response = self.next.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.next.close()
            return 502, f"{self.name}: {host}: {error!r}".encode()

        if response.status != 200:
            reason = f"{self.name}: {host} answered {response.status}: "
            return 502, reason.encode() + body[:200]
        return 200, json.loads(body)

    def do_GET(self):
        status, body = 200, None
        if self.egress:
            status, body = self.ask_next()
        if status == 200:
            body = [self.name] + (body or [])
            body = json.dumps(body).encode() + b"\n"

        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    name, port, *egress = sys.argv[1:]
    Service.name = name
    if egress:
        Service.egress = (int(egress[0]), egress[1], egress[2])
    Server(("127.0.0.1", int(port)), Service).serve_forever()


main()
