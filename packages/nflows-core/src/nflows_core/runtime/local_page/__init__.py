"""A web page for the one person who started a command, on this machine alone.

Others could reach it too: users of the machine, pages of the internet that are open in the same browser, names that
lead to 127.0.0.1 (DNS rebinding). So it listens on the loopback address only, and answers nobody without the random key
in the address that the command prints; the first visit moves the key into a cookie that scripts cannot read and that no
other site sends (RFC 6265bis, ``SameSite=Strict``). A cookie is for all ports of a host, so a foreign ``Host``,
``Origin`` or ``Sec-Fetch-Site`` (W3C Fetch Metadata) is refused besides.

An address holds whole numbers and nothing else that is a person's to choose, so that no trick with a path can name a
file; what a number stands for, the functions of the routes say.
"""

from nflows_core.runtime.local_page.reply import Reply, resource_routes
from nflows_core.runtime.local_page.server import LocalPage

__all__ = ["LocalPage", "Reply", "resource_routes"]
