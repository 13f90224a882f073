"""Stable made-up names, domains and telephone numbers for people and companies that the data leaves unnamed.

Every one is a function of a running number, and no two numbers share a name: a name that two people shared would give
them one e-mail address, and so make them one person. Domains end in the reserved `.example`; telephone numbers lie in
the ranges that Ofcom and the North American Numbering Plan keep for fiction.
"""

from __future__ import annotations

from typing import NamedTuple

_FIRST = (  # noqa: SIM905 - a line of words is easier to read
    "Ada Adele Agnes Aidan Alma Amir Anika Anton Asha Astrid Beatrix Benno Bianca Boris Carla Cecil Chidi "
    "Clara Cyrus Dalia Daphne Darius Deepa Edgar Elena Elias Emeka Enid Esther Farah Felix Fiona Flora "
    "Gita Greta Hamid Hanna Hector Hugo Ida Imran Ines Irma Isaac Ivo Jada Jonas Judith Kaito Kamala "
    "Karim Keira Lars Leila Linus Lorna Magnus Malik Marta Milo Mira Nadia Nasser Nils Nora Olga Omar "
    "Oscar Petra Priya Quinn Rafael Ravi Rosa Ruth Samir Selma Tariq Thea"
).split()
_LAST = (  # noqa: SIM905 - a line of words is easier to read
    "Abara Acheson Ahlberg Amari Ashdown Bakshi Barlow Beckett Bergman Birk Brandt Calder Castell Chandra "
    "Coyle Dahl Dasgupta Devlin Duarte Eastwood Ekman Ellery Farrow Faulkner Fenwick Flint Galvin Garrick "
    "Ghosh Grau Haddad Halloran Harrow Hedley Holm Ibarra Idowu Ingram Jarvis Joshi Kade Kapoor Keane "
    "Kessler Kirby Lang Larkin Lindqvist Lowell Lund Mahler Marlow Mbeki Menon Moreau Nadel Nakata "
    "Norling Novak Oakes Okafor Orlov Osei Pascoe Penrose Pryce Quist Rahman Raines Renner Rourke "
    "Sandoval Sato Sefton Soares Stroud Tanaka Thorne Tierney Usher Varga Voss Wexler"
).split()
_STEM = (  # noqa: SIM905 - a line of words is easier to read
    "Alder Amber Ash Birch Bracken Bright Clay Clover Cobalt Copper Coral Crest Dale Drift East Elder "
    "Fair Fern Flint Gold Granite Green Harbour Hazel Heath Iron Juniper Lark Laurel Linden Maple Marsh "
    "Moss North Oak Pine Quarry Reed Rowan Sage Silver Stone Thorn"
).split()
_ENDING = (  # noqa: SIM905 - a line of words is easier to read
    "bank bay beck borough bridge brook bury by cliff combe croft dell field ford garth gate grove ham "
    "haven hill holt house hurst land leigh mere mill moor mount point ridge shaw stead ton vale wick "
    "worth"
).split()
_INDUSTRY = {
    "professional_services": "Advisory",
    "logistics": "Logistics",
    "manufacturing": "Works",
    "healthcare_non_clinical": "Health Services",
}
_UK_FICTION = (
    "20 7946 0",
    "113 496 0",
    "114 496 0",
    "141 496 0",
    "116 496 0",
    "117 496 0",
    "118 496 0",
    "121 496 0",
)
_US_AREAS = (  # noqa: SIM905 - a line of words is easier to read
    "202 205 206 207 212 213 214 215 216 217 303 304 305 307 308 312 313 314 315 316 402 404 405 406 412 "
    "413 414 415 503 504 505 509 512 513 515 516 602 605 606 607 612 614 615 617 702 703 704 713"
).split()


class Person(NamedTuple):
    """A made-up person."""

    first: str
    last: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    def email(self, domain: str) -> str:
        """Their address at a domain."""
        return f"{self.first}.{self.last}@{domain}".lower()


class Company(NamedTuple):
    """A made-up company."""

    name: str
    domain: str


def person(number: int) -> Person:
    """The person of that number; numbers below 6,500 have names of their own (79 and 83 share no divisor)."""
    scattered = number * 2741 % (len(_FIRST) * len(_LAST))
    return Person(_FIRST[scattered % len(_FIRST)], _LAST[scattered % len(_LAST)])


def company(number: int, industry: str) -> Company:
    """The company of that number; numbers below 1,500 have names of their own."""
    scattered = number * 1013 % (len(_STEM) * len(_ENDING))
    word = _STEM[scattered % len(_STEM)] + _ENDING[scattered % len(_ENDING)]
    return Company(f"{word} {_INDUSTRY[industry]}", f"{word.lower()}.example")


def phone(number: int, region: str) -> str:
    """A telephone number that nobody has, in the region (`UK` or `US`); numbers below 4,800 have one of their own."""
    if region == "UK":
        return f"+44 {_UK_FICTION[number // 1000 % len(_UK_FICTION)]}{number % 1000:03d}"
    return f"+1 {_US_AREAS[number // 100 % len(_US_AREAS)]} 555 01{number % 100:02d}"
