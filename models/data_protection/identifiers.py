"""Direct identifiers in texts: mail addresses, telephone numbers and IP addresses, found by rule, replaced by keyed pseudonyms.

A name in free text that no rule finds stays: that is a limit of rules. Columns that hold names are known by their own names.
"""

import re
from collections.abc import Callable

from models.data_protection.key_ring import Key

__all__ = ["MAY_HOLD", "holds_identifiers", "holds_pseudonyms", "is_direct", "pseudonym_of", "redacted"]

PSEUDONYM_DIGITS = 12

MAY_HOLD = r"@|::|(\d\D{0,2}){7}"
"""What a text must have somewhere to hold an identifier; for a quick look in SQL (RE2)."""

_MADE = rf"\[(?:mail|phone|ip|name)(?::[0-9a-f]{{{PSEUDONYM_DIGITS}}})?\]"
# From a run's beginning on: a long one is looked at once
_MAIL = r"(?<![\w.%+'-])[\w.%+'-]+@[\w-]+(?:\.[\w-]+)+"
_IPV4 = r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])"
_IPV6 = (
    r"(?<![\w:])(?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}"
    r"|(?:[0-9a-fA-F]{1,4}:){1,6}(?::[0-9a-fA-F]{1,4}){1,6}|(?:[0-9a-fA-F]{1,4}:){1,7}:)(?![\w:])"
)
# With the country's code, or as it is dialled in Germany, or with a code of three digits as in North America
_PHONE = (
    r"(?<![\w+.-])(?:(?:\+|00)[1-9](?:[ ()/.-]{0,2}\d){7,14}|\(?0[1-9]\d{1,4}\)?[ /-]{1,3}\d(?:[ -]?\d){4,9}"
    r"|\(?[2-9]\d{2}\)?[ .-]\d{3}[.-]\d{4})(?![\w-])"
)
# With what a text must hold, and how often, before the rule is worth a look
_RULES = tuple(
    (kind, sign, times, re.compile(rf"(?P<made>{_MADE})|{rule}"))
    for kind, sign, times, rule in (
        ("mail", "@", 1, _MAIL),
        ("ip", ":", 2, _IPV6),
        ("ip", ".", 3, _IPV4),
        ("phone", "", 1, _PHONE),
    )
)
_PSEUDONYM = re.compile(_MADE)

_DIRECT = re.compile(
    r"((first|last|full|middle|family|given|maiden|contact|lead|person|customer|user|vor|nach|familien)[ _-]?)?names?"
    r"|(e[ _-]?)?mail([ _-]?(address|adresse))?|(tele)?(phone|fon|fax)([ _-]?(number|nummer))?"
    r"|mobile?([ _-]?(phone|number))?|handy(nummer)?"
    r"|ip([ _-]?(address|adresse))?|street|strasse|straße|linkedin\w*|twitter\w*",
    re.IGNORECASE,
)


def is_direct(column: str) -> bool:
    """Tell by its name whether a column holds direct identifiers.

    Examples
    --------
    >>> [is_direct(name) for name in ("E-Mail", "first_name", "Telefonnummer", "campaign_name", "email_opens", "role")]
    [True, True, True, False, False, False]
    """
    return _DIRECT.fullmatch(column.strip()) is not None


def pseudonym_of(kind: str, text: str, key: Key | None) -> str:
    """Give what stands for an identifier: the same for the same one, and nothing to be undone without the key.

    Parameters
    ----------
    kind : str
        ``mail``, ``phone``, ``ip`` or ``name``; it stays readable.
    text : str
        The identifier.
    key : Key or None
        Of the purpose `pseudonyms`; None: there is none yet, and all of a kind are told by the kind alone.

    Examples
    --------
    >>> pseudonym_of("mail", "ada@example.org", None)
    '[mail]'
    """
    return f"[{kind}]" if key is None else f"[{kind}:{key.mac(text.strip().casefold())[:PSEUDONYM_DIGITS]}]"


def redacted(text: str, key: Key | None) -> str:
    """Replace the identifiers in a text; what the rules do not find stays byte by byte, and so do pseudonyms.

    Examples
    --------
    >>> redacted("from ada@example.org, +49 170 1234567 and 10.1.2.3 on 2026-01-05T10:00:00+01:00", None)
    'from [mail], [phone] and [ip] on 2026-01-05T10:00:00+01:00'
    """
    for kind, sign, times, rule in _RULES:
        if text.count(sign) >= times:
            text = rule.sub(_replacement(kind, key), text)
    return text


def holds_identifiers(text: str) -> bool:
    """Tell whether the rules find any."""
    return any(found["made"] is None for *_, rule in _RULES for found in rule.finditer(text))


def holds_pseudonyms(text: str) -> bool:
    """Tell whether identifiers were replaced in a text before."""
    return _PSEUDONYM.search(text) is not None


def _replacement(kind: str, key: Key | None) -> Callable[[re.Match[str]], str]:
    return lambda found: found[0] if found["made"] is not None else pseudonym_of(kind, found[0], key)
