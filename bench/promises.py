"""What must hold, section by section. Times are judged by ratios of one run, medians of all runs."""
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class promise:
    section: str
    figure: str  # "instructions", "value" (in the row's unit), "of limit" or "of best peer"
    bound: float
    least: bool = False  # the bound is a lower one

    def holds(self, value):
        # A loop's set-up is a fraction of an instruction per turn.
        slack = 0.4 if self.figure == "instructions" else 0
        return value >= self.bound if self.least else value <= self.bound + slack

    def words(self, unit):
        sign = "≥" if self.least else "≤"
        of = {"instructions": "i", "value": unit, "of limit": "× limit",
              "of best peer": "× best peer"}[self.figure]
        return f"{sign} {self.bound:.3g} {of}".rstrip()


def of_memory(section):
    return [promise(section, "instructions", 45), promise(section, "of best peer", 1 / 1.2)]


PROMISES = [
    promise("idle point", "instructions", 6),
    promise("idle point, pointer", "instructions", 9),
    promise("1 hook", "instructions", 52),
    promise("1 hook", "of limit", 1.3),
    promise("1 hook with its object's data", "instructions", 66),
    promise("a verdict of 1 hook", "instructions", 60),
    promise("a verdict of 1 hook with its object's data", "instructions", 75),
    promise("4 hooks", "of limit", 1.25),
    promise("16 hooks", "of limit", 1.15),
    promise("1 hook, two threads of one", "of limit", 0.9, least=True),
    promise("cache lines that two threads both write", "value", 0),
    promise("a runner's throughput beside 100 removals a second", "value", 0.95, least=True),
    promise("remove, runner running", "of limit", 1.3),
    promise("remove, runner running, worst", "of limit", 10),
    promise("own object data", "instructions", 10),
    promise("another helper's data by id", "instructions", 28),
    *of_memory("64 B, one by one"),
    *of_memory("64 B, 100 and back"),
    *of_memory("64 B, the oldest of 1000"),
    *of_memory("64 B, any of 1000"),
    promise("64 B taken here, given back there", "of best peer", 0.4),
    promise("wakeup, nobody asleep", "instructions", 9),
    promise("sleep and wakeup, one CPU", "of limit", 1.1),
    promise("sleep and wakeup, two CPUs", "of limit", 0.1),
]


def of_section(section):
    return [one for one in PROMISES if one.section == section]


def of_limit(section, words):
    """What a program says that its figure must be: "<=1.3", ">=5", or nothing."""
    stated = re.fullmatch(r"([<>])=\s*(\S+)", words)
    return [promise(section, "value", float(stated[2]), least=stated[1] == ">")] if stated else []
