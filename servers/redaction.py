"""Remove passwords from URLs before they are printed, logged or recorded."""

import re

BEFORE_AT = re.compile(r":(//)?.*@", re.DOTALL)
IN_QUERY = re.compile(r"(password=)[^&\s]*")


def without_passwords(text: str) -> str:
    """Return the text without what stands before an @, and without passwords in a URL's query.

    A password may hold any character, so rather too much is removed than too little.
    """
    return IN_QUERY.sub(r"\1***", BEFORE_AT.sub(r":\1", text))
