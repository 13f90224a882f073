"""What the demo's workspaces add to the default catalogue: events of theirs, features with tips, settings."""

from __future__ import annotations

from cdp.demo.crm import PERSONAL_DOMAIN
from cdp.model import CatalogueEntry, Condition, Contribution, Feature, Lens, Stage

ONBOARDING_STEPS = ("company_profile", "connect_erp", "invite_team", "first_purchase_order")

B2B_SETTINGS: dict[str, object] = {
    "onboarding_steps": list(ONBOARDING_STEPS),
    "free_mail_domains": [PERSONAL_DOMAIN],
}

B2B_FEATURES = (
    Feature(
        key="purchase_orders", name="Purchase orders", tip="Raise an order from a template in three clicks."
    ),
    Feature(
        key="approvals", name="Approval workflows", tip="Let orders under your limit approve themselves."
    ),
    Feature(
        key="invoice_matching",
        name="Invoice matching",
        tip="Match invoices to orders without opening either.",
    ),
    Feature(
        key="supplier_portal", name="Supplier portal", tip="Invite a supplier and stop typing their invoices."
    ),
    Feature(key="spend_dashboard", name="Spend dashboard", tip="See this month's spend by team on one page."),
    Feature(
        key="budget_alerts", name="Budget alerts", tip="Get a message before a budget is used up, not after."
    ),
    Feature(
        key="erp_sync", name="ERP synchronisation", tip="Send approved invoices to your ledger every night."
    ),
    Feature(
        key="mobile_approvals",
        name="Mobile approvals",
        tip="Approve from the phone while you wait for the lift.",
    ),
)


def _intent(event: str, signal: str, stage: Stage, weight: float, path: str | None = None) -> CatalogueEntry:
    return CatalogueEntry(
        event=event,
        conditions=(Condition(property="path", value=path),) if path else (),
        contributions=(Contribution(lens=Lens.INTENT, signal=signal, stage=stage, weight=weight),),
    )


def _page_feature(path: str, feature: str) -> CatalogueEntry:
    return CatalogueEntry(
        event="Page Viewed",
        conditions=(Condition(property="path", value=path),),
        contributions=(Contribution(lens=Lens.USAGE, feature=feature),),
    )


B2B_ENTRIES = (
    _intent("Page Viewed", "site_visited", Stage.AWARENESS, 0.5, path="/"),
    _intent("Content Downloaded", "content_downloaded", Stage.RESEARCH, 1.5),
    _intent("Webinar Attended", "webinar_attended", Stage.RESEARCH, 2.0),
    _intent("Sales Contacted", "sales_contacted", Stage.RESEARCH, 2.0),
    _intent("Demo Attended", "demo_attended", Stage.COMPARISON, 4.0),
    _intent("Sales Meeting Held", "sales_meeting_held", Stage.COMPARISON, 3.0),
    _intent("Negotiation Started", "negotiation_started", Stage.NEGOTIATION, 10.0),
)
"""Whatever a seller or the vendor sent (`Email Sent`, `Sales Activity Logged`, …) is left unclassified on purpose."""

SHOP_FEATURES = (
    Feature(key="account_page", name="Account page", tip="Track an order from your account page."),
    Feature(key="review_page", name="Reviews", tip="Read what others say before you choose."),
    Feature(key="wishlist", name="Wishlist", tip="Keep things for later; we tell you when they get cheaper."),
)

SHOP_ENTRIES = (
    _intent("Page Viewed", "shop_visited", Stage.AWARENESS, 0.5, path="/"),
    _page_feature("/account", "account_page"),
    _page_feature("/reviews", "review_page"),
)
