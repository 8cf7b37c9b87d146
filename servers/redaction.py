"""What may be told of a URL that holds a password: for errors, logs and records."""

import re

IN_FRONT = re.compile(r":(//)?.*@", re.DOTALL)
AS_OPTION = re.compile(r"(password=)[^&\s]*")


def without_passwords(words: str) -> str:
    """Return the words without what they say before an @, and with no password among a URL's options.

    A password may hold any character, so rather too much is left out than too little.
    """
    return AS_OPTION.sub(r"\1***", IN_FRONT.sub(r":\1", words))
