"""The request headers that every request and every handshake carries, whatever the transport.

Teaches where polling's bytes go: a browser repeats half a kilobyte of headers with every request. A load generator's
own headers would be a fifth of that, and favour the transports that send many requests. Taken from Chrome on a page
of the same origin; Host, Content-Type, Content-Length, Authorization and the Sec-WebSocket fields are added where they
belong.
"""

BROWSER_HEADERS = {
    "Pragma": "no-cache",
    "Cache-Control": "no-cache",
    "sec-ch-ua-platform": '"Linux"',
    "User-Agent": (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
    ),
    "sec-ch-ua": '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
    "sec-ch-ua-mobile": "?0",
    "Accept": "*/*",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9",
}
