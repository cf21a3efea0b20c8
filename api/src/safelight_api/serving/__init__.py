"""The HTTP/1.1 server under uvicorn: requests are framed exactly as RFC 9112 says."""
