"""How pages are sent: files that hold no facts of the site, under a policy that keeps a browser to them.

No script, style or request of another origin, nothing inline, no text that becomes markup, no frame around it.
"""

from typing import Final

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again each time, and not sent again while it is the same.
    "Cache-Control": "no-cache",
}
