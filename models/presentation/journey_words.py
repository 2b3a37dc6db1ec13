"""How people name what leads do: kinds of touchpoints and channels."""

from models.presentation.catalogues import n_, words

__all__ = ["CHANNELS", "KINDS", "channel_name", "kind_name"]

KINDS = {
    "page_view": n_("page view"),
    "mail_open": n_("mail opened"),
    "mail_click": n_("link in a mail clicked"),
    "download": n_("download"),
    "webinar": n_("webinar"),
    "call": n_("call"),
    "meeting": n_("meeting"),
    "contact_form": n_("contact form"),
    "trade_fair": n_("trade fair"),
    "social_chat": n_("chat in social media"),
    "form": n_("form"),
    "chat": n_("chat"),
}
CHANNELS = {
    "web": n_("website"),
    "email": n_("email"),
    "mail": n_("email"),
    "phone": n_("phone"),
    "event": n_("event"),
    "social": n_("social media"),
    "display": n_("display ads"),
    "organic_search": n_("search engine"),
    "paid_search": n_("paid search"),
    "partner": n_("partner"),
}


def kind_name(kind: str, language: str) -> str:
    """Name a kind as people do; one that is not known is written as it is."""
    return words(language).say(KINDS[kind]) if kind in KINDS else kind.replace("_", " ")


def channel_name(channel: str | None, language: str) -> str:
    """Name a channel as people do; empty: not known."""
    if channel is None:
        return ""
    return words(language).say(CHANNELS[channel]) if channel in CHANNELS else channel.replace("_", " ")
