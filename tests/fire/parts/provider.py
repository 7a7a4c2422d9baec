"""Sixteen faults of a provider, met by the real program: alone, and with a healthy fallback.

Prints a table of its own and stops by itself after little more than a minute, which is how long the outage lasts.
Alone, no lasting fault may end as an answer, and none may pass its deadline. With a fallback each must
end in a complete and correct answer or, once text was shown, in one error that says so. While a provider
is out for 60 s under load it hears of at most 9 requests, three calls with their repeats, and of one
within 5 s of its return.
"""

import concurrent.futures
import json
import socket
import time
from dataclasses import dataclass, field

from servers import Model, Server
from table import Row, show

# A turn may take so long; each part of it is given less, so that several attempts fit.
TURN_SECONDS = 15
LIMITS = {"REQUEST_TIMEOUT_SECONDS": "2", "STALL_TIMEOUT_SECONDS": "2", "TURN_TIMEOUT_SECONDS": str(TURN_SECONDS)}
# For everything that is not the turn: the request, the last events.
SLACK_SECONDS = 2

OUTAGE_SECONDS = 60
BURSTS, TOGETHER = 5, 3
MOST_DURING_OUTAGE = 9
BACK_WITHIN_SECONDS = 5

AT_ONCE = 4


@dataclass
class Fault:
    name: str
    # How the sentence begins that is told alone; nothing if the fault does not last.
    told: str
    # Played for every request, unless the script is used up first.
    scenario: str = "agent"
    script: list = field(default_factory=list)


FAULTS = [
    Fault("429 with a delay", "The model is not available right now", "e429_per_minute"),
    Fault("429 without", "The model is not available right now", "e429_shared_capacity"),
    Fault("a burst of 500", "", script=["e500_internal"] * 2),
    Fault("503", "The model is not available right now", "e503_overloaded"),
    Fault("connection refused", "The model is not available right now"),
    Fault("no headers", "The model took too long (no answer began)", "hang_headers"),
    Fault("slow first byte", "The model took too long (no answer began)", "slow_ttft(60000)"),
    Fault("stall in mid-stream", "The model took too long (it fell silent)", "stall_after(3)"),
    Fault("cut in mid-stream", "The model's answer broke off", "cut_after(3)"),
    Fault("clean early end", "The model's answer broke off", "eof_after(3)"),
    Fault("error in mid-stream", "The model is not available right now", "mid_error_data"),
    Fault("malformed call", "The model wrote a tool call nobody can read", "malformed_function_call"),
    Fault("empty turn", "The model gave an empty answer", "empty_stop"),
    Fault("flood", "The answer was cut: the model reached its length limit", "flood"),
    Fault("wrong content type", "The model failed to answer", "html_200"),
]


@dataclass
class Result:
    name: str
    alone: str = ""
    alone_seconds: float = 0
    asked: int = 0
    backed: str = ""
    backed_seconds: float = 0
    by: str = ""
    wrong: list = field(default_factory=list)

    def must(self, holds, what):
        if not holds:
            self.wrong.append(what)


def fallback(model):
    entry = {"name": "second", "base_url": model.base_url, "model": "gemini-2.5-flash", "api_key_env": "SECOND_KEY"}
    return {"MODEL_FALLBACKS": json.dumps([entry]), "SECOND_KEY": "second-key"}


def message(number):
    return f"say {number} back"


def answer(number):
    """What the repeatable agent of the emulation answers."""
    return f"Answer: {message(number)}"


def closed_port():
    """A port that refuses connections for as long as its socket lives."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


def meet(binary, fault):
    """One fault, alone and with a fallback; each against servers of its own."""
    result = Result(fault.name)
    with Model(binary) as ill:
        turn = one_turn(binary, fault, ill, {})
        result.alone, result.alone_seconds = turn.in_words(answer(1)), turn.seconds
        result.asked = len(ill.log())
    result.must(turn.seconds < TURN_SECONDS + SLACK_SECONDS, "alone it passes its deadline")
    if fault.told:
        is_told = turn.is_told() and turn.errors[0].startswith(fault.told)
        result.must(is_told, f"alone it must end in one error: {fault.told}")
    else:
        result.must(turn.is_whole(answer(1)), "alone it must be overcome")
    with Model(binary) as ill, Model(binary) as well:
        turn = one_turn(binary, fault, ill, fallback(well))
        result.backed, result.backed_seconds = turn.in_words(answer(1)), turn.seconds
        second = any(request["scenario"] == "agent" for request in well.log())
        result.by = "second" if second else "first, cut" if turn.is_cut else "nobody"
    after_text = turn.is_told() and turn.is_cut
    result.must(turn.is_whole(answer(1)) or after_text, "with a fallback there must be an answer")
    result.must(turn.is_cut or second and len(turn.notices) == 1, "the fallback must answer and be named")
    result.must(turn.seconds < TURN_SECONDS + SLACK_SECONDS, "with a fallback it passes its deadline")
    return result


def one_turn(binary, fault, ill, more):
    ill.script([{"scenario": scenario} for scenario in fault.script])
    with closed_port() as closed:
        refusing = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        is_refused = fault.name == "connection refused"
        environment = {
            "GEMINI_BASE_URL": refusing if is_refused else ill.base_url,
            "GEMINI_MODEL": f"fake:{fault.scenario}", "MODEL_DIALECT": "gemini", **LIMITS, **more,
        }
        with Server(binary, **environment) as server:
            return server.ask(message(1), TURN_SECONDS + 2 * SLACK_SECONDS)


def outage(binary, result, is_backed):
    """Fifteen requests in five bursts while the first provider is out, then one at a time until it is used again."""
    with Model(binary) as ill, Model(binary) as well:
        ill.script([{"scenario": f"breaker({OUTAGE_SECONDS * 1000})"}])
        more = fallback(well) if is_backed else {}
        with Server(binary, GEMINI_BASE_URL=ill.base_url, **LIMITS, **more) as server:
            turns, begin = [], time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(TOGETHER) as people:
                for burst in range(BURSTS):
                    time.sleep(max(0, begin + burst * OUTAGE_SECONDS / BURSTS - time.monotonic()))
                    numbers = range(burst * TOGETHER, (burst + 1) * TOGETHER)
                    asking = [(n, people.submit(server.ask, message(n), TURN_SECONDS)) for n in numbers]
                    turns += [(number, turn.result()) for number, turn in asking]
            until = begin + OUTAGE_SECONDS + 2 * BACK_WITHIN_SECONDS
            while not answered(ill) and time.monotonic() < until:
                server.ask(message(99), TURN_SECONDS)
                time.sleep(0.25)
        requests = ill.log()
    dead = [request for request in requests if request["status"] == 503]
    end = dead[0]["arrival_ns"] + OUTAGE_SECONDS * 10**9
    back = [(request["arrival_ns"] - end) / 10**9 for request in requests if request["status"] == 200]
    judge(result, turns, len(dead), back, is_backed)


def answered(model):
    return any(request["status"] == 200 for request in model.log())


def judge(result, turns, dead, back, is_backed):
    way = "with a fallback" if is_backed else "alone"
    used = f"used again after {back[0]:.1f} s" if back else "never used again"
    whole = sum(turn.is_whole(answer(number)) for number, turn in turns)
    told = sum(turn.is_told() for _, turn in turns)
    slowest = max(turn.seconds for _, turn in turns)
    result.must(dead <= MOST_DURING_OUTAGE, f"{way} {dead} requests reached the dead provider")
    result.must(back and back[0] <= BACK_WITHIN_SECONDS, f"{way} it was {used}")
    result.must(slowest < TURN_SECONDS + SLACK_SECONDS, f"{way} a turn passed its deadline")
    if is_backed:
        result.must(whole == len(turns), f"{way} only {whole} of {len(turns)} were answered")
        result.backed, result.backed_seconds = f"{whole} of {len(turns)} completed; {used}", slowest
        result.by = f"second; first was asked {dead} times"
    else:
        result.must(told == len(turns), f"{way} only {told} of {len(turns)} were told")
        result.alone, result.alone_seconds = f"{told} of {len(turns)} told; {used}", slowest
        result.asked = dead


def details(results):
    heads = ("fault", "alone", "s", "asked", "with a fallback", "s", "answered by")
    rows = [
        (r.name, r.alone, f"{r.alone_seconds:.1f}", str(r.asked), r.backed, f"{r.backed_seconds:.1f}", r.by)
        for r in results
    ]
    show(heads, rows)
    print()


def rows(result):
    alone = Row("provider", result.name, 1, seen=result.alone)
    backed = Row("provider", f"{result.name}, with a fallback", 1, seen=result.backed, wrong=result.wrong)
    return [alone, backed]


def run(options):
    binary = options.binary
    last = Result(f"out for {OUTAGE_SECONDS} s, 15 requests")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE + 2) as pool:
        outages = [pool.submit(outage, binary, last, is_backed) for is_backed in (False, True)]
        results = list(pool.map(lambda fault: meet(binary, fault), FAULTS)) + [last]
        for running in outages:
            running.result()
    details(results)
    return [row for result in results for row in rows(result)]
