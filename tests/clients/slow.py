"""Stands before the emulated admin API and takes its time over attributes, so that a call of
`get_device_attributes` is still running when a client cancels it.

    python3 slow.py PORT URL
"""

import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECONDS = 8


class Slow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        if self.path.endswith("/attributes"):
            time.sleep(SECONDS)
        body = self.rfile.read(int(self.headers.get("content-length", 0))) or None
        keep = {"authorization", "content-type", "if-match", "accept"}
        headers = {name: value for name, value in self.headers.items() if name.lower() in keep}
        request = urllib.request.Request(URL + self.path, body, headers, method=self.command)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read()
        try:
            self.send_response(answer.status)
            for name in ("content-type", "etag"):
                if answer.headers.get(name):
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            pass  # Whoever asked has left.

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def log_message(self, *_):
        pass


URL = sys.argv[2]
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
