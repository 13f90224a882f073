"""What a workspace may set."""

from __future__ import annotations

from msgspec import Struct


class Contact(Struct, frozen=True, kw_only=True):
    """One of the workspace's own people, or a team of them."""

    name: str
    email: str | None = None
    phone: str | None = None
    url: str | None = None
    """Where to book a conversation."""

    def shown(self) -> dict[str, str]:
        """As the frontend gets it."""
        given = {"name": self.name, "email": self.email, "phone": self.phone, "url": self.url}
        return {key: value for key, value in given.items() if value}


class ClientService(Struct, frozen=True, kw_only=True):
    """Who takes care of whom."""

    slot: str = "contact"
    trait: str = "account_manager"
    """Trait of the account that names the contact: a text, or an object with `name`, `email`, `phone`, `url`."""
    contacts: dict[str, Contact] = {}
    """By the account's domain; for accounts whose trait names nobody."""
    default: Contact | None = None
    """Of all other clients."""
    client_queue: str = "clients"
    """Of clients who have no contact."""
    queue: str = "support"
    """Of everybody else."""
