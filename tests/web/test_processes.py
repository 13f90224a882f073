"""Metrics and readiness of processes that are several, or have no address of their own."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from pathlib import Path

import httpx
from prometheus_client import Metric

from cdp.processes import run_worker
from cdp.settings import Settings
from cdp.web.exposition import merged, pack, page, unpack
from cdp.web.metrics import Metrics
from cdp.web.siblings import Seat, ask_others, telling


def counted(number: int) -> Metrics:
    metrics = Metrics()
    for _ in range(number):
        metrics.counted("settle.profiles", (), 1)
        metrics.staged("flush", 0.1)
    return metrics


def test_metrics_survive_the_way_to_another_process() -> None:
    metrics = counted(3)
    families = metrics.families()
    assert page(unpack(pack(families))) == page(families)
    assert b"cdp_settled_profiles_total 3.0" in page(families)
    assert b"_created" not in page(families)


async def test_whichever_process_is_asked_answers_for_all() -> None:
    """Each line says which process it is of; one that hangs, or is gone, is missing and holds nobody up."""
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        seats = [Seat(folder=Path(folder), number=number, of=3) for number in range(3)]
        own, other = counted(2), counted(5)
        async with telling(seats[0], own.families), telling(seats[1], other.families):
            answers = await ask_others(seats[0])
            assert [process for process, _ in answers] == ["1"]
            lines = page(merged([("0", own.families()), *answers])).decode().splitlines()
            assert [line for line in lines if line.startswith("cdp_settled_profiles_total")] == [
                'cdp_settled_profiles_total{process="0"} 2.0',
                'cdp_settled_profiles_total{process="1"} 5.0',
            ]
            assert lines.count("# TYPE cdp_settled_profiles_total counter") == 1
        assert await ask_others(seats[1]) == []


async def test_a_process_takes_the_seat_of_one_that_was_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        seat = Seat(folder=Path(folder), number=0, of=2)
        seat.socket(0).touch()
        async with telling(seat, counted(1).families):
            (answer,) = await ask_others(Seat(folder=Path(folder), number=1, of=2))
    assert answer[0] == "0"


async def test_nonsense_from_a_socket_is_left_out() -> None:
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        seats = [Seat(folder=Path(folder), number=number, of=2) for number in range(2)]

        async def tell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"[[1")
            writer.close()

        server = await asyncio.start_unix_server(tell, seats[1].socket(1))
        assert await ask_others(seats[0]) == []
        server.close()


async def test_a_worker_tells_how_it_does_where_it_is_asked_to(database_url: str) -> None:
    stop = asyncio.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        running = asyncio.create_task(
            run_worker(Settings(database_url=database_url), stop=stop, listener=listener)
        )
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            ready = await client.get("/readyz")
            shown = (await client.get("/metrics")).text
            assert (await client.get("/graphql")).status_code == 404
        stop.set()
        await running
    assert (ready.status_code, ready.json()["checks"]["database"]) == (200, {"ok": True})
    assert "cdp_settle_lag_seconds 0.0" in shown.splitlines()


def test_odd_labels_are_written_so_that_they_can_be_read() -> None:
    metric = Metric("cdp_odd", "Odd.", "gauge")
    metric.add_sample("cdp_odd", {"code": 'a"b\\c\nd'}, 1.0)
    assert r'cdp_odd{code="a\"b\\c\nd"} 1.0' in page(unpack(pack([metric]))).decode()
