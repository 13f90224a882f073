"""The one way out of Diptych: HTTP to public addresses, bounded in time and size. Plugins are offered it as `http`."""

from cdp.outbound.addresses import Network, read_networks
from cdp.outbound.client import Outbound

__all__ = ["Network", "Outbound", "read_networks"]
