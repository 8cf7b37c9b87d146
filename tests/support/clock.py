"""A clock that only a test advances, and whose wall clock may be set."""


class FakeClock:
    def __init__(self, wrong_s: float = 0.0) -> None:
        self.now_s = 1_000_000.0
        self.wrong_s = wrong_s

    def now_ms(self) -> int:
        return int((self.now_s + self.wrong_s) * 1000)

    def monotonic_s(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
