"""Words that end with a full stop of their own, in the languages with a Latin or Cyrillic script.

All are in lower case and without their last full stop.
"""

from __future__ import annotations

from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


NEVER_LAST: Final = _words(
    "mr mrs ms dr prof st gen col sgt capt lt rev hon pres gov sen rep supt cmdr adm maj messrs",
    "vs v cf ca approx fig figs vol vols pp ed eds trans ext e.g i.e p.s viz",
    "hr hrn bzw vgl evtl ggf sog inkl zzgl nr str z.b u.a d.h abb",
    "m mm mme mmes mlle mgr av env",
    "sra srta dña núm pág págs ing lic arq hab",
    "г-н г-жа им ул просп акад проф пл рис табл ок род букв чел",
)
"""Something that belongs to them always follows."""

SELDOM_LAST: Final = _words(
    "inc ltd co corp jr sr bros dept univ assn mt ft ave blvd rd etc al ph.d",
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun",
    "usw u.s.w std a.m p.m b.c a.d u.s u.k u.n d.c no nos op art cit",
    "г в вв тыс млн млрд руб пр т.е н.э см стр",
)
"""A sentence may end with them, but only the next word can say so."""

NUMBERED: Final = _words("no nos p pp vol fig figs op art sec ch nr núm pág стр рис табл ст abb")
"""With a number behind them they do not end a sentence."""

FIRST_WORDS: Final = _words(
    "the a an this that these those he she it they we you i in on at by for from with to of as",
    "his her its their our my there here when while after before although though however but and",
    "so if what who how why where which some many most all one not since during",
    "der die das ein eine er sie es wir im in am",
    "le la les un une il elle ils elles el los las en et",
    "он она оно они это в во на но и с по из после однако также",
)
"""Words that, with a capital, start a sentence rather than a name."""

MONTHS: Final = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember",
    "jahrhundert jahrhunderts",
)
"""What a German ordinal number stands before."""

_ALL: Final = NEVER_LAST | SELDOM_LAST | NUMBERED


def known(word: str) -> bool:
    """Whether the lower-case word is an abbreviation of any kind."""
    return word in _ALL
