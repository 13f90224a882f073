"""The `b2b` tables, joined, with the names that the demo derives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from cdp.demo import names
from cdp.demo.tables import Row, draw, read

LAST_DAY = date(2024, 4, 28)
"""The last day of the data."""

PERSONAL_DOMAIN = "freemail.example"
"""Where people of the data's e-mail type `personal` have their address."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A person of the CRM with what the demo derives for them."""

    row: Row
    company: names.Company
    name: names.Person
    email: str | None
    """None where the data calls the type of the address unknown."""
    phone: str | None

    @property
    def user_id(self) -> str:
        """The CRM's id of the contact."""
        return self.row["contact_id"]

    @property
    def account_id(self) -> str:
        """The CRM's id of their company."""
        return self.row["account_id"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deal:
    """A won opportunity and the subscription that followed."""

    account_id: str
    signer: str
    """user_id of the contact of the opportunity's lead."""
    opportunity_id: str
    plan: str
    start: date


class Crm:
    """The tables, joined.

    Args:
        only: the accounts whose rows are wanted; None: all.
    """

    def __init__(self, only: Collection[str] | None = None) -> None:
        accounts = read("b2b/accounts")
        self.accounts = {
            row["account_id"]: row for row in accounts if only is None or row["account_id"] in only
        }
        self.contacts = {row["contact_id"]: self._contact(row) for row in self._ours("b2b/contacts")}
        self.leads = {row["lead_id"]: row for row in self._ours("b2b/leads")}
        self.opportunities = {row["opportunity_id"]: row for row in self._of_leads("b2b/opportunities")}
        self.sessions = self._of_leads("b2b/sessions")
        self.touches = self._of_leads("b2b/touches")
        self.activities = self._of_leads("b2b/sales_activities")
        self.deals = self._deals()
        self.colleagues: dict[str, list[Contact]] = defaultdict(list)
        for contact in self.contacts.values():
            self.colleagues[contact.account_id].append(contact)

    def _ours(self, table: str) -> list[Row]:
        return [row for row in read(table) if row["account_id"] in self.accounts]

    def _of_leads(self, table: str) -> list[Row]:
        return [row for row in read(table) if row["lead_id"] in self.leads]

    def company(self, account_id: str) -> names.Company:
        """The derived name and domain of a company."""
        return names.company(number(account_id), self.accounts[account_id]["industry"])

    def _contact(self, row: Row) -> Contact:
        running, company = number(row["contact_id"]), self.company(row["account_id"])
        name = names.person(running)
        domain = {"corporate": company.domain, "personal": PERSONAL_DOMAIN}.get(row["email_domain_type"])
        region = self.accounts[row["account_id"]]["region"]
        return Contact(
            row=row,
            company=company,
            name=name,
            email=name.email(domain) if domain else None,
            phone=names.phone(running, region) if draw("phone", running) < 0.4 else None,
        )

    def _deals(self) -> list[Deal]:
        customers = {row["customer_id"]: row for row in self._ours("b2b/customers")}
        found = []
        for subscription in read("b2b/subscriptions"):
            customer = customers.get(subscription["customer_id"])
            if customer is None:
                continue
            lead = self.leads[self.opportunities[customer["opportunity_id"]]["lead_id"]]
            found.append(
                Deal(
                    account_id=customer["account_id"],
                    signer=lead["contact_id"],
                    opportunity_id=customer["opportunity_id"],
                    plan=subscription["plan_name"],
                    start=date.fromisoformat(subscription["subscription_start_at"]),
                )
            )
        return found


def number(row_id: str) -> int:
    """The running number in an id such as `cnt_000123`."""
    return int(row_id.rpartition("_")[2])
