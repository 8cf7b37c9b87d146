"""How long a test waits for what must happen, which takes much less on a busy machine, too.

It never shows that something happens soon: what would end a wait anyway has to last much longer than this.
"""

DEADLINE_S = 60.0
