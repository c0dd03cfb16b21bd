"""Serves moto until its standard input ends, which it does with the test that started it."""

import logging
import sys

from moto.server import ThreadedMotoServer


def start():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return server, f"http://{host}:{port}"


if __name__ == "__main__":
    server, url = start()
    print(url, flush=True)
    sys.stdin.read()
    server.stop()
